import ACME
import ACMEClient
import Agent
import Foundation

/// Where words go: results to standard output, progress and errors to standard error.
enum Terminal {
    static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// As it is, line ends and all.
    static func print(_ text: String) { write(text, to: STDOUT_FILENO) }

    static func progress(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// One line; members in the order of the alphabet, so that two runs can be compared.
    static func say(json value: some Encodable) { say(json(value)) }

    static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = JSONEncoder.acme.dateEncodingStrategy
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// - Parameter name: the certificate that the error is about, where there are several.
    static func complain(_ error: AgentError, name: String? = nil) {
        var line = "Error: \(name.map { "\($0): " } ?? "")\(error.message)"
        if let until = error.until { line += " Come again after \(RFC3339.string(until))." }
        progress(line)
        if let remedy = error.remedy { progress("To change: \(remedy)") }
    }

    /// - Returns: nil at the end of the input, or when a signal came.
    static func ask(_ question: String, standard: String? = nil) -> String? {
        write(question + (standard.map { $0.isEmpty ? "" : " [\($0)]" } ?? "") + ": ", to: STDOUT_FILENO)
        guard let line = line() else {
            say("")
            return nil
        }
        let typed = line.trimmingCharacters(in: .whitespacesAndNewlines)
        return typed.isEmpty ? standard ?? "" : typed
    }

    /// The next line of standard input; 4096 bytes of it at most, as a terminal gives.
    private static func line() -> String? {
        var (bytes, byte) = ([UInt8](), UInt8(0))
        while true {
            var files = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: Interruption.alarm, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&files, 2, -1) < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if files[1].revents != 0 { return nil }
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
            if byte == 0x0A { return String(decoding: bytes, as: UTF8.self) }
            if bytes.count < 4096 { bytes.append(byte) }
        }
    }

    /// Whole writes; a reader that has gone away is no error of ours.
    private static func write(_ text: String, to file: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
