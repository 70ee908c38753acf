package import Measures

/// What the store counts, since it was opened.
final class StoreMeasures: Sendable {
    let commits = Histogram()
    let verbs = Counter()
    let writes = Histogram()
    let reads = Histogram()
    let errors = CounterFamily<StoreError.Kind>()

    /// - Parameter waiting: changes in the queue now.
    func readings(waiting: Int) -> [Reading] {
        [
            Reading("chancery_store_commit_seconds", "Time of one transaction until it was on disk.", commits),
            Reading(
                "chancery_store_write_seconds",
                "Time from asking for a change until it was on disk, waiting for its turn included.",
                writes),
            Reading("chancery_store_verbs_total", "Changes asked for; several may share a transaction.", verbs),
            Reading("chancery_store_waiting", .gauge, "Changes that wait for the transaction before theirs.", waiting),
            Reading("chancery_store_read_seconds", "Time of one reading.", reads),
            Reading(
                "chancery_store_errors_total", .counter,
                "What the store did not do, by reason; conflict and notFound are no faults by themselves.", errors.samples("kind")
            ),
        ]
    }
}

extension AuthorityStore {
    package var readings: [Reading] { measures.readings(waiting: statistics.waiting) }
}

extension StoreError {
    /// The case by its name alone, for metrics.
    package enum Kind: String, LabelValue {
        case busy, conflict, notFound, full, device, shortage, readOnly, corrupt, inUse, missing, newerSchema, olderSchema, closed, broken
    }

    package var kind: Kind {
        switch self {
        case .busy: .busy
        case .conflict: .conflict
        case .notFound: .notFound
        case .full: .full
        case .device: .device
        case .shortage: .shortage
        case .readOnly: .readOnly
        case .corrupt: .corrupt
        case .inUse: .inUse
        case .missing: .missing
        case .newerSchema: .newerSchema
        case .olderSchema: .olderSchema
        case .closed: .closed
        case .broken: .broken
        }
    }
}
