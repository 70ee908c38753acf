internal import CUnbound
internal import Synchronization

/// The questions of one call, for one name, and whoever waits for their outcomes.
final class Inquiry: Sendable {
    typealias Outcome = Result<[[UInt8]], LookupFailure>
    typealias Continuation = CheckedContinuation<[Outcome], Never>

    /// What libunbound hands back with an answer.
    final class Ticket: Sendable {
        let inquiry: Inquiry
        let index: Int

        init(_ inquiry: Inquiry, _ index: Int) { (self.inquiry, self.index) = (inquiry, index) }
    }

    private struct State {
        var outcomes: [Outcome?]
        /// Of the questions under way: libunbound's number, and the ticket that it holds.
        var running: [(id: CInt, ticket: Unmanaged<Ticket>)?]
        var waiter: Continuation?
    }

    let name: String
    let types: [RecordType]
    private let state: Mutex<State>

    init(_ name: String, _ types: [RecordType]) {
        (self.name, self.types) = (name, types)
        state = Mutex(
            State(
                outcomes: Array(repeating: nil, count: types.count), running: Array(repeating: nil, count: types.count)))
    }

    var isDone: Bool { state.withLock { !$0.outcomes.contains { $0 == nil } } }
    func isDone(_ index: Int) -> Bool { state.withLock { $0.outcomes[index] != nil } }

    func wait(_ waiter: Continuation) {
        state.withLock { $0.waiter = waiter }
        answerIfDone()
    }

    func runs(_ index: Int, _ id: CInt, _ ticket: Unmanaged<Ticket>) {
        state.withLock { $0.running[index] = (id, ticket) }
    }

    /// The first outcome stands.
    func finish(_ index: Int, _ outcome: Outcome) {
        state.withLock { state in
            state.running[index] = nil
            if state.outcomes[index] == nil { state.outcomes[index] = outcome }
        }
        answerIfDone()
    }

    /// Withdraws what is under way.
    /// - Parameter cancel: tells libunbound; returns whether it will not answer any more.
    func abandon(_ kind: LookupFailure.Kind, _ reason: String, cancel: (CInt) -> Bool) {
        for index in types.indices {
            let running = state.withLock { state -> (id: CInt, ticket: Unmanaged<Ticket>)? in
                defer { state.running[index] = nil }
                return state.running[index]
            }
            if let running, cancel(running.id) { running.ticket.release() }
            finish(index, .failure(failure(index, kind, reason)))
        }
    }

    private func answerIfDone() {
        let (waiter, outcomes): (Continuation?, [Outcome]) = state.withLock { state in
            let outcomes = state.outcomes.compactMap { $0 }
            guard outcomes.count == types.count else { return (nil, []) }
            defer { state.waiter = nil }
            return (state.waiter, outcomes)
        }
        waiter?.resume(returning: outcomes)
    }

    private func failure(_ index: Int, _ kind: LookupFailure.Kind, _ reason: String) -> LookupFailure {
        LookupFailure(kind, name: name, type: types[index].mnemonic, reason: reason)
    }

    /// What libunbound answered.
    func outcome(_ index: Int, _ status: CInt, _ result: ub_result?) -> Outcome {
        func failure(_ kind: LookupFailure.Kind, _ reason: String) -> LookupFailure { self.failure(index, kind, reason) }
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
