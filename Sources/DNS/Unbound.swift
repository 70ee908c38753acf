internal import CUnbound
internal import Dispatch
internal import Glibc
internal import Synchronization

/// The types that are asked for, by number (RFC 1035, 3596, 8659).
enum RecordType: CInt, Sendable {
    case a = 1
    case txt = 16
    case aaaa = 28
    case caa = 257

    var mnemonic: String {
        switch self {
        case .a: "A"
        case .txt: "TXT"
        case .aaaa: "AAAA"
        case .caa: "CAA"
        }
    }
}

/// The one owner of libunbound's context. Its calls and callbacks run on `queue` alone; the network lives on a thread of libunbound's
/// own, which reports through a pipe. Hence unchecked: everything mutable, of `Lookup` too, is touched on `queue` only.
final class Unbound: @unchecked Sendable {
    /// Where the answers come from.
    enum Source {
        /// `ADDRESS` or `ADDRESS@PORT`, at least one; and whether the names of `/etc/hosts` come first.
        case servers([String], hosts: Bool)
        /// Only these, in zone file syntax; nothing is sent.
        case records([String])
    }

    private let handle: OpaquePointer
    private let queue = DispatchQueue(label: "dns")
    private let answers: any DispatchSourceRead

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
        answers = DispatchSource.makeReadSource(fileDescriptor: ub_fd(handle), queue: queue)
        answers.setEventHandler { [weak self] in self?.process() }
        nonisolated(unsafe) let last = handle
        answers.setCancelHandler { Self.gate.withLock { _ in ub_ctx_delete(last) } }
        answers.resume()
    }

    deinit { answers.cancel() }

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
        case .servers(let servers, let hosts):
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

    /// Asks once. Ends after `patience`, or when the task is cancelled, whatever the network does.
    func ask(_ name: String, _ type: RecordType, within patience: DispatchTimeInterval) async -> Result<[[UInt8]], LookupFailure>
    {
        let lookup = Lookup(name, type)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { self.start(lookup, continuation, within: patience) }
            }
        } onCancel: {
            queue.async { self.abandon(lookup, lookup.failure(.cancelled, "the validation ended first")) }
        }
    }

    private func start(_ lookup: Lookup, _ continuation: Lookup.Continuation, within patience: DispatchTimeInterval) {
        lookup.continuation = continuation
        if let early = lookup.outcome { return lookup.finish(early) }
        // The callback takes this reference back. Where it is never called (an error here, a cancellation), we do.
        let retained = Unmanaged.passRetained(lookup)
        var id: CInt = 0
        let status = ub_resolve_async(
            handle, lookup.name, lookup.type.rawValue, 1, retained.toOpaque(),
            { argument, status, result in
                if let argument {
                    let lookup = Unmanaged<Lookup>.fromOpaque(argument).takeRetainedValue()
                    lookup.finish(lookup.read(status, result?.pointee))
                }
                ub_resolve_free(result)
            }, &id)
        guard status == 0 else {
            retained.release()
            return lookup.finish(lookup.read(status, nil))
        }
        lookup.id = id
        let bell = DispatchWorkItem { [weak self, weak lookup] in
            guard let lookup else { return }
            self?.abandon(lookup, lookup.failure(.timeout, "no answer came in time"))
        }
        lookup.bell = bell
        queue.asyncAfter(deadline: .now() + patience, execute: bell)
    }

    private func abandon(_ lookup: Lookup, _ why: LookupFailure) {
        guard lookup.outcome == nil else { return }
        if let id = lookup.id, ub_cancel(handle, id) == 0 { Unmanaged.passUnretained(lookup).release() }
        lookup.finish(.failure(why))
    }

    private func process() { _ = ub_process(handle) }
}

/// One question on its way.
private final class Lookup: @unchecked Sendable {
    typealias Outcome = Result<[[UInt8]], LookupFailure>
    typealias Continuation = CheckedContinuation<Outcome, Never>
    let name: String
    let type: RecordType
    var continuation: Continuation?
    var outcome: Outcome?
    var id: CInt?
    var bell: DispatchWorkItem?

    init(_ name: String, _ type: RecordType) { (self.name, self.type) = (name, type) }

    func finish(_ outcome: Outcome) {
        self.outcome = outcome
        bell?.cancel()
        bell = nil
        continuation?.resume(returning: outcome)
        continuation = nil
    }

    func failure(_ kind: LookupFailure.Kind, _ reason: String) -> LookupFailure {
        LookupFailure(kind, name: name, type: type.mnemonic, reason: reason)
    }

    func read(_ status: CInt, _ result: ub_result?) -> Outcome {
        guard status == 0, let result else {
            return .failure(failure(.serverFailure, "no server could be asked (\(String(cString: ub_strerror(status))))"))
        }
        if result.bogus != 0 {
            let why = result.why_bogus.map { String(cString: $0) } ?? "bogus"
            return .failure(failure(.bogus, "the answer's signatures do not hold (DNSSEC: \(why))"))
        }
        if result.nxdomain != 0 { return .failure(failure(.noSuchName, "the name does not exist (NXDOMAIN)")) }
        switch result.rcode {
        case 0: break
        case 2: return .failure(failure(.serverFailure, "its servers failed or did not answer (SERVFAIL)"))
        case 5: return .failure(failure(.serverFailure, "its servers refused the question (REFUSED)"))
        default: return .failure(failure(.serverFailure, "its servers answered with error \(result.rcode)"))
        }
        guard result.havedata != 0, let data = result.data, let lengths = result.len else {
            return .failure(failure(.noData, "the name has no such record"))
        }
        var records: [[UInt8]] = []
        var index = 0
        while let record = data[index] {
            let octets = UnsafeRawBufferPointer(start: record, count: Int(lengths[index]))
            records.append(Array(octets))
            index += 1
        }
        return .success(records)
    }
}
