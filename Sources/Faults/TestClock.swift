#if DEBUG
    package import Foundation

    /// A clock that stands as far from the machine's as a file says, in seconds, and is read again at each look:
    /// `CHANCERY_FAULT_CLOCK=FILE`. Only what is written down goes by it; waits take their real time.
    package struct TestClock: Sendable {
        private let path: String

        /// Nil unless the environment asks for it.
        package init?(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
            guard let path = environment["CHANCERY_FAULT_CLOCK"], !path.isEmpty else { return nil }
            self.path = path
        }

        /// What the file does not say, or says badly, is an offset of none.
        package func now() -> Date {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return Date().addingTimeInterval(Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0)
        }
    }
#endif
