internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#endif

/// What the process costs, under the names that every Prometheus library uses.
package struct ProcessReadings: Sendable {
    /// Seconds since 1970.
    private let started: Double

    package init() { started = Self.startTime() ?? Date().timeIntervalSince1970 }

    package var all: [Reading] {
        var used = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        let cpu = Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
        return [
            Reading("process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.", started),
            Reading("process_cpu_seconds_total", .counter, "CPU time used, user and system.", cpu),
            Reading("process_resident_memory_bytes", .gauge, "Memory in use.", Self.residentBytes()),
            Reading("process_open_fds", .gauge, "Open file descriptors.", Self.openDescriptors().map(Double.init)),
            Reading("process_max_fds", .gauge, "File descriptors that may be open.", Self.descriptorLimit()),
        ]
    }

    /// Words of a file of /proc; empty where there is none.
    private static func words(_ path: String) -> [Substring] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        // A program's name in brackets may hold spaces.
        return (text.lastIndex(of: ")").map { text[text.index(after: $0)...] } ?? text[...]).split { $0 == " " || $0 == "\n" }
    }

    private static func residentBytes() -> Double? {
        let words = words("/proc/self/statm")
        guard words.count > 1, let pages = Double(words[1]) else { return nil }
        return pages * Double(sysconf(CInt(_SC_PAGESIZE)))
    }

    /// From the 22nd field of /proc/self/stat, in ticks since the machine started.
    private static func startTime() -> Double? {
        let words = words("/proc/self/stat")
        guard words.count > 19, let ticks = Double(words[19]) else { return nil }
        var up = timespec()
        guard clock_gettime(CLOCK_BOOTTIME, &up) == 0 else { return nil }
        let booted = Date().timeIntervalSince1970 - Double(up.tv_sec) - Double(up.tv_nsec) / 1e9
        return booted + ticks / Double(sysconf(CInt(_SC_CLK_TCK)))
    }

    /// Counted without a name for each, for there may be ten thousand.
    private static func openDescriptors() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Without `.`, `..` and the folder itself.
        return max(0, count - 3)
    }

    private static func descriptorLimit() -> Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return Double(limit.rlim_cur)
    }
}
