internal import CUnbound
internal import Foundation
internal import Glibc
internal import Synchronization

/// The types that are asked for, by number (RFC 1035, 3596, 8659).
enum RecordType: CInt, Sendable {
    case a = 1
    case ns = 2
    case cname = 5
    case txt = 16
    case aaaa = 28
    case caa = 257

    var mnemonic: String {
        switch self {
        case .a: "A"
        case .ns: "NS"
        case .cname: "CNAME"
        case .txt: "TXT"
        case .aaaa: "AAAA"
        case .caa: "CAA"
        }
    }
}

/// The one owner of libunbound's context. The network lives on a thread of libunbound's own, which reports through a pipe to the thread
/// that is made here; questions are put to it from wherever they come. libunbound locks its context itself.
final class Unbound: Sendable {
    /// Where the answers come from.
    enum Source {
        /// `ADDRESS` or `ADDRESS@PORT`, at least one; whether the names of `/etc/hosts` come first; and the keys that signatures are checked
        /// by, as DS or DNSKEY records in zone file syntax: none, none checked.
        case servers([String], hosts: Bool, anchors: [String])
        /// Only these, in zone file syntax; nothing is sent.
        case records([String])
    }

    private nonisolated(unsafe) let handle: OpaquePointer
    private let watch: Watch

    /// A lookup leaves nothing behind for the next: a client that repairs a record and tries again gets the new one at once. The time
    /// to live alone does not do that: failures, and answers without an SOA, live 5 seconds whatever is set, but for `forward-no-cache`.
    private static func configuration(_ servers: [String]) -> String {
        """
        server:
            cache-max-ttl: 0
            cache-max-negative-ttl: 0
            infra-host-ttl: 0
            edns-buffer-size: 1232
            do-not-query-localhost: no
            unblock-lan-zones: yes
        forward-zone:
            name: "."
            forward-no-cache: yes
        \(servers.map { "    forward-addr: \($0)\n" }.joined())
        """
    }

    /// libunbound keeps the parser of its settings, and its log, in global variables: contexts come and go one at a time.
    private static let gate = Mutex(())

    init(_ source: Source) throws(ResolverError) {
        let made = Self.gate.withLock { _ in Self.make(source) }
        let handle = try made.get()
        self.handle = handle
        watch = try Watch()
        nonisolated(unsafe) let shared = handle
        Thread.detachNewThread { [watch] in
            watch.attend(shared)
            Self.gate.withLock { _ in ub_ctx_delete(shared) }
        }
    }

    deinit { watch.stop() }

    private static func make(_ source: Source) -> Result<OpaquePointer, ResolverError> {
        guard let handle = ub_ctx_create() else { return .failure(.unbound("out of memory")) }
        do throws(ResolverError) {
            try configure(handle, source)
            return .success(handle)
        } catch {
            ub_ctx_delete(handle)
            return .failure(error)
        }
    }

    private static func configure(_ handle: OpaquePointer, _ source: Source) throws(ResolverError) {
        func check(_ status: CInt, _ what: String) throws(ResolverError) {
            guard status == 0 else { throw .unbound("\(what): \(String(cString: ub_strerror(status)))") }
        }
        // Its log would go to standard error, past our own.
        try check(ub_ctx_debugout(handle, nil), "log")
        // With `false` it would fork, which a process of many threads does not survive.
        try check(ub_ctx_async(handle, 1), "threads")
        switch source {
        case .records(let records):
            try check(ub_ctx_zone_add(handle, ".", "static"), "zone")
            for record in records { try check(ub_ctx_data_add(handle, record), record) }
        case .servers(let servers, let hosts, let anchors):
            for anchor in anchors { try check(ub_ctx_add_ta(handle, anchor), "trust anchor") }
            try check(read(configuration(servers), handle), "settings")
            if hosts {
                let status = ub_ctx_hosts(handle, nil)
                if status != UB_READFILE.rawValue { try check(status, "/etc/hosts") }
            }
            // libunbound answers the whole of `test.` (RFC 6761) with NXDOMAIN; a private network may well use it.
            try check(ub_ctx_zone_remove(handle, "test."), "test.")
        }
    }

    /// libunbound reads a forward zone's settings from a file only; a pipe is one that touches no disk.
    private static func read(_ configuration: String, _ handle: OpaquePointer) -> CInt {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return UB_READFILE.rawValue }
        defer { _ = close(ends[0]) }
        let bytes = Array(configuration.utf8)
        // More than a pipe holds would block for ever; a configuration has a few hundred bytes.
        let written = bytes.count <= 4096 ? write(ends[1], bytes, bytes.count) : -1
        _ = close(ends[1])
        return written == bytes.count ? ub_ctx_config(handle, "/proc/self/fd/\(ends[0])") : UB_READFILE.rawValue
    }

    /// Asks for each of the types at once. Ends after `patience`, or when the task is cancelled, whatever the network does.
    func ask(_ name: String, _ types: [RecordType], within patience: Duration) async -> [Inquiry.Outcome] {
        let inquiry = Inquiry(name, types)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                inquiry.wait(continuation)
                for index in types.indices where !inquiry.isDone(index) { start(inquiry, index) }
                watch.add(inquiry, until: .now + patience)
            }
        } onCancel: {
            inquiry.abandon(.cancelled, "the validation ended first") { ub_cancel(handle, $0) == 0 }
        }
    }

    private func start(_ inquiry: Inquiry, _ index: Int) {
        // The callback takes this reference back. Where it is never called (an error here, a cancellation), we do.
        let ticket = Unmanaged.passRetained(Inquiry.Ticket(inquiry, index))
        var id: CInt = 0
        let status = ub_resolve_async(
            handle, inquiry.name, inquiry.types[index].rawValue, 1, ticket.toOpaque(),
            { argument, status, result in
                if let argument {
                    let ticket = Unmanaged<Inquiry.Ticket>.fromOpaque(argument).takeRetainedValue()
                    let (inquiry, index) = (ticket.inquiry, ticket.index)
                    inquiry.finish(index, inquiry.outcome(index, status, result?.pointee))
                }
                ub_resolve_free(result)
            }, &id)
        guard status == 0 else {
            ticket.release()
            return inquiry.finish(index, inquiry.outcome(index, status, nil))
        }
        inquiry.runs(index, id, ticket)
    }
}

/// The thread that takes libunbound's answers, and ends inquiries whose time is over.
private final class Watch: Sendable {
    private struct State {
        /// All waits are about as long, so that the first to begin is the first to end.
        var inquiries: [(inquiry: Inquiry, due: ContinuousClock.Instant)] = []
        /// Asleep until an answer comes, for nobody waits for one.
        var isIdle = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wakeReader: CInt
    private let wakeWriter: CInt

    init() throws(ResolverError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .unbound("no file descriptors left") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
    }

    deinit {
        _ = close(wakeReader)
        _ = close(wakeWriter)
    }

    func add(_ inquiry: Inquiry, until due: ContinuousClock.Instant) {
        let wasIdle = state.withLock { state in
            state.inquiries.append((inquiry, due))
            defer { state.isIdle = false }
            return state.isIdle
        }
        if wasIdle { wake() }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    private func wake() {
        var byte: UInt8 = 0
        // A full pipe wakes as well.
        _ = write(wakeWriter, &byte, 1)
    }

    /// Returns once it is told to stop.
    func attend(_ handle: OpaquePointer) {
        var ends = [
            pollfd(fd: ub_fd(handle), events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
        ]
        while let pause = pause() {
            _ = poll(&ends, nfds_t(ends.count), pause)
            if ends[1].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 64)
                while read(wakeReader, &bytes, bytes.count) == bytes.count {}
            }
            if ends[0].revents != 0 { _ = ub_process(handle) }
            for inquiry in overdue() { inquiry.abandon(.timeout, "no answer came in time") { ub_cancel(handle, $0) == 0 } }
        }
    }

    /// Milliseconds until somebody's time may be over, coarsely; nil: the end.
    private func pause() -> CInt? {
        state.withLock { state in
            if state.isStopped { return nil }
            state.inquiries.removeFirst(state.inquiries.prefix { $0.inquiry.isDone }.count)
            state.isIdle = state.inquiries.isEmpty
            return state.isIdle ? -1 : 100
        }
    }

    private func overdue() -> [Inquiry] {
        let now = ContinuousClock.now
        return state.withLock { state in
            let count = state.inquiries.prefix { $0.due <= now }.count
            defer { state.inquiries.removeFirst(count) }
            return state.inquiries.prefix(count).map(\.inquiry)
        }
    }
}
