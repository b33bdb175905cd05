//! Events in, alarms out.
