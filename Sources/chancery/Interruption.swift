import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as the cancellation of the command's task, so that answers to challenges are taken away again
/// and locks are given back. A second signal ends the process at once.
///
/// Handlers and not ignored signals: what is ignored stays ignored in the hooks that are run.
enum Interruption {
    /// The first signal that came, or 0.
    private static let received = Atomic<Int32>(0)

    /// What a process that a signal ended ends with, as shells count: 130 for SIGINT.
    static var status: Int32? {
        let number = received.load(ordering: .sequentiallyConsistent)
        return number == 0 ? nil : 128 + number
    }

    /// A file that can be read from once a signal has come: for `poll` beside another.
    static var alarm: Int32 { wake[0] }

    /// Runs `work` as a task that the signals cancel.
    static func guarding(_ work: @escaping @Sendable () async -> Void) async {
        guard status == nil, pipe(&wake) == 0 else { return await work() }
        for end in wake { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let task = Task { await work() }
        Thread.detachNewThread {
            var file = pollfd(fd: wake[0], events: Int16(POLLIN), revents: 0)
            while poll(&file, 1, -1) < 0 && errno == EINTR {}
            Terminal.progress("\nStopping; what was put in place is taken away again. Once more ends at once.")
            task.cancel()
        }
        for number in [SIGINT, SIGTERM, SIGHUP] { _ = signal(number, handler) }
        await task.value
    }

    // Only what is safe in a handler: an atomic value, write, _exit.
    private static let handler: @convention(c) (Int32) -> Void = { number in
        let isFirst = Interruption.received.compareExchange(expected: 0, desired: number, ordering: .sequentiallyConsistent)
            .exchanged
        guard isFirst else { _exit(128 + number) }
        let before = errno
        _ = write(Interruption.wake[1], "!", 1)
        errno = before
    }

    // Written before the handlers are set, and only read afterwards.
    private nonisolated(unsafe) static var wake: [Int32] = [-1, -1]
}
