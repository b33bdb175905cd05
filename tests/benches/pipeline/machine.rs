//! The machine that the figures are of, in one line.

use dsiem_tests::samples;

/// Processors, kernel, how busy the machine was before, and the date.
pub(crate) fn line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let kernel = read("/proc/sys/kernel/osrelease");
    let busy = read("/proc/loadavg");
    let busy = busy.split(' ').next().unwrap_or("unknown");
    let date = samples::now();
    let date = date.get(..10).unwrap_or(&date);
    format!("{cpus} CPUs ({model}), Linux {}, load average before {busy}, {date}", kernel.trim())
}
