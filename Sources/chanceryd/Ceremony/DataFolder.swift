/// Where everything lies in the data folder.
struct DataFolder: Sendable, Equatable {
    let path: String

    var settings: String { "\(path)/chancery.yaml" }
    var database: String { "\(path)/chancery.sqlite" }
    /// The plan of a set-up that is under way; removed as its last step.
    var plan: String { "\(path)/setup.json" }

    /// To be taken away after the set-up: only a new intermediate needs it.
    var rootFolder: String { "\(path)/root" }
    var rootKey: String { "\(path)/root/root.key" }
    var rootPassphrase: String { "\(path)/root/passphrase" }

    var root: String { "\(path)/root.pem" }
    var intermediate: String { "\(path)/intermediate.pem" }
    var intermediateKey: String { "\(path)/intermediate.key" }
    var intermediatePassphrase: String { "\(path)/intermediate.passphrase" }

    /// Other ways from the intermediate to a root, one PEM file each, named by its number; need not be there.
    var chains: String { "\(path)/chains" }

    /// The server's own TLS key and certificate (key, leaf, intermediate), when it issues them itself.
    var tls: String { "\(path)/tls.pem" }

    /// What the folder holds.
    enum State: Equatable {
        /// Nothing of an authority.
        case fresh
        /// A set-up began and did not end; the plan file holds its choices.
        case unfinished
        case complete
    }

    /// - Throws: `.noData` when the path is no folder; `.keyFile` when the folder was an authority's and a file of it is missing:
    ///   such a file is put back, never made anew, since those who trust the old one would be cut off.
    func state() throws(Failure) -> State {
        guard exists(path) else { return .fresh }
        // ENOTDIR for a file, and for a file in the middle of the path.
        if !exists("\(path)/.") { throw Failure(.noData, "\(path) is no folder; change --data or move the file away.") }
        if exists(plan) { return .unfinished }
        let parts = [root, intermediate, intermediateKey]
        let missing = parts.filter { !exists($0) }
        if missing.isEmpty { return .complete }
        let traces = parts + [database, rootKey]
        guard let trace = traces.first(where: exists) else { return .fresh }
        throw Failure(
            .keyFile,
            "\(missing.joined(separator: " and ")) \(missing.count == 1 ? "is" : "are") missing although \(trace) is there; put it back from a backup, or choose an empty folder with --data."
        )
    }

    /// - Throws: `.noData` naming the two ways on, unless the folder holds a whole authority.
    func requireComplete() throws(Failure) {
        switch try state() {
        case .complete: return
        case .fresh:
            throw Failure(.noData, "\(path) holds no authority yet; run `chanceryd init --data \(path)`, or correct --data.")
        case .unfinished:
            throw Failure(
                .unfinished, "The set-up of \(path) is not finished; run `chanceryd init --data \(path)` to complete it.")
        }
    }
}
