"""One module per engine, offering the workloads it can do as subclasses of `Case`."""
