//! Bus, clock, shutdown, telemetry, metrics, arguments and files.
