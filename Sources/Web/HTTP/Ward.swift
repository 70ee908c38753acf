internal import NIOCore

/// What a ward looks after.
protocol Member: AnyObject {
    /// Where the ward keeps it.
    var place: Int { get set }
    /// Ends it if its time is over.
    /// - Parameter isCrowded: there are nearly as many connections as there may be, so that idle ones have to go sooner.
    func expire(_ now: NIODeadline, isCrowded: Bool)
    /// The server is to end: what is under way is the last.
    func quiesce()
    func close()
}

/// The connections of one listener that live on one event loop, and their clock: from time to time each is asked whether it is overdue.
/// Touched on that loop only.
final class Ward {
    let executor: LoopExecutor
    let pulse: Pulse
    private let loop: any EventLoop
    private let interval: TimeAmount
    private let isCrowded: @Sendable () -> Bool
    private var members: [any Member] = []
    private var postponed: CircularBuffer<Doorman> = .init(initialCapacity: 0)
    private var isSweeping = false
    private var isQuiescing = false

    /// - Parameters:
    ///   - limits: how late a sweep may find something overdue follows from the shortest of them.
    ///   - isCrowded: asked at each sweep.
    init(_ loop: any EventLoop, _ limits: ConnectionLimits, _ pulse: Pulse, isCrowded: @escaping @Sendable () -> Bool) {
        (self.loop, self.pulse, self.isCrowded) = (loop, pulse, isCrowded)
        executor = LoopExecutor(loop)
        interval = TimeAmount(min(.milliseconds(500), max(.milliseconds(5), limits.shortest / 4)))
    }

    func enter(_ member: any Member) {
        member.place = members.count
        members.append(member)
        if isQuiescing { member.quiesce() }
        if !isSweeping { sweepLater() }
    }

    func leave(_ member: any Member) {
        guard members.indices.contains(member.place), members[member.place] === member, let last = members.popLast() else {
            return
        }
        guard last !== member else { return }
        last.place = member.place
        members[member.place] = last
    }

    private func sweepLater() {
        isSweeping = true
        loop.assumeIsolated().scheduleTask(in: interval) { self.sweep() }
    }

    private func sweep() {
        isSweeping = false
        let (now, isCrowded) = (NIODeadline.now(), isCrowded())
        // From behind: whoever leaves meanwhile is replaced by one that was asked already.
        for place in members.indices.reversed() where members.indices.contains(place) {
            members[place].expire(now, isCrowded: isCrowded)
        }
        if !members.isEmpty { sweepLater() }
    }

    func quiesce() {
        isQuiescing = true
        for member in members { member.quiesce() }
    }

    func closeAll() { for member in members { member.close() } }

    /// Whether new connections have to wait for their handshake, which costs as much as several requests.
    var isSwamped: Bool { pulse.delay >= Pulse.swamped || !postponed.isEmpty }

    /// Admits a connection later, in the order of their coming: a few at each beat of the pulse.
    func postpone(_ doorman: Doorman) {
        postponed.append(doorman)
        pulse.note { self.admitSome() }
    }

    private func admitSome() {
        let share = pulse.delay >= Pulse.swamped * 3 ? 1 : pulse.delay >= Pulse.swamped ? 4 : 32
        for _ in 0..<share { postponed.popFirst()?.admit() }
        if !postponed.isEmpty { pulse.note { self.admitSome() } }
    }
}

/// Runs tasks on an event loop. Their pieces are short, as everything on a loop has to be: what blocks belongs elsewhere.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
