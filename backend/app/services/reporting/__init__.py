"""Results for people and other programs: the HTML report and a run's folder of files."""
