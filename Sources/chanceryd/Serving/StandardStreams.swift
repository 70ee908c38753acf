import Foundation
import Synchronization

/// Before anything is opened: descriptors 0 to 2 that the caller closed become /dev/null, lest a database take their number and
/// receive log lines; and writing to a reader that went away is an error to us, not our end.
func prepareStreams() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) == -1 {
        _ = open("/dev/null", O_RDWR)
    }
    umask(0o077)
}

/// Whether something that a person asked for could not be written, other than because nobody reads on.
let isOutputLost = Atomic(false)

/// Writes all bytes or gives up at the first error. EINTR is tried again.
/// - Returns: false when the reader is gone or the descriptor cannot be written.
@discardableResult
func writeWhole(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written > 0 {
            bytes = bytes.dropFirst(written)
        } else if errno == EAGAIN {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, 1000)
        } else if errno != EINTR {
            if descriptor == 1 { isOutputLost.store(errno != EPIPE, ordering: .relaxed) }
            return false
        }
    }
    return true
}

/// What a person asked for, at once (never block-buffered).
func say(_ line: String) { writeWhole(line + "\n", to: 1) }

/// What went wrong.
func complain(_ line: String) { writeWhole(line + "\n", to: 2) }
