internal import NIOCore

/// The connections of one listener that live on one event loop, and their clock: from time to time each is asked whether it is overdue.
/// Touched on that loop only.
final class Ward {
    let executor: LoopExecutor
    private let loop: any EventLoop
    private let interval: TimeAmount
    private var members: [Responder] = []
    private var isSweeping = false
    private var isQuiescing = false

    /// - Parameter limits: how late a sweep may find something overdue follows from the shortest of them.
    init(_ loop: any EventLoop, _ limits: ConnectionLimits) {
        self.loop = loop
        executor = LoopExecutor(loop)
        interval = TimeAmount(min(.milliseconds(500), max(.milliseconds(5), limits.shortest / 4)))
    }

    func enter(_ member: Responder) {
        member.place = members.count
        members.append(member)
        if isQuiescing { member.quiesce() }
        if !isSweeping { sweepLater() }
    }

    func leave(_ member: Responder) {
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
        let now = NIODeadline.now()
        // From behind: whoever leaves meanwhile is replaced by one that was asked already.
        for place in members.indices.reversed() where members.indices.contains(place) { members[place].expire(now) }
        if !members.isEmpty { sweepLater() }
    }

    func quiesce() {
        isQuiescing = true
        for member in members { member.quiesce() }
    }

    func closeAll() { for member in members { member.close() } }
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
