"""What is known about a run beside its log."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.types import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunInfo:
    """Names, settings and proofs of one run; everything may be left out.

    Attributes:
        name: title of reports and name of files.
        parameters: of the strategies, by name.
        config: the session's configuration, or what stood in for one; JSON-like.
        data_quality: by symbol, figures of the data used, such as ``quality_pct``.
        data_fingerprint: hash of the bars used.
        code_version: version of the platform.
        is_synthetic: whether prices were generated; said prominently wherever results show.
        ended: by strategy that was ended before the run was, when and why; said likewise.
        columns: by symbol and name, derived values and indicators: one value per minute bar,
            NaN where not yet known. They go into the validation file.
        quality_pct: by symbol, the quality in force at each minute bar.
    """

    name: str = "Backtest"
    parameters: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    data_quality: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    data_fingerprint: str = ""
    code_version: str = ""
    is_synthetic: bool = False
    ended: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    quality_pct: Mapping[str, Floats] = field(default_factory=dict)
