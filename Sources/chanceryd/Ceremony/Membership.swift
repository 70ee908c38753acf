import Authority
import Crypto
import Foundation
import PKIX
import Store

/// Whether a data folder may serve a database that several servers share: one authority, made once, the same in every folder.
struct Membership {
    let database: DatabaseLocation
    let folder: DataFolder
    let around: Surroundings

    /// Before anything is made in the folder. Brings the database up to date.
    /// - Throws: `.keyFile` naming the folder to copy, when the authority has been made, or is being made, elsewhere.
    func begin(_ state: DataFolder.State) async throws {
        guard case .postgreSQL = database else { return }
        switch try await withDatabase({ store throws(StoreError) in try await store.beginFounding(place, now: around.now()) }) {
        case .yours: return
        case .begun(let elsewhere):
            throw Failure(
                .keyFile,
                "The authority of \(database.place) is being made at \(elsewhere): wait until it serves there (start it again if it does not), then copy that folder to \(folder.path)\(Self.parts)."
            )
        case .made(let founder):
            guard state != .complete else { return }
            throw Failure(
                .keyFile,
                "\(database.place) holds the authority that was made at \(founder.place), and \(folder.path) holds none: copy the folder of a server that serves it to \(folder.path)\(Self.parts)."
            )
        }
    }

    /// With the folder's keys opened, before anything is signed.
    /// - Throws: `.keyFile` when they are another authority's, or another intermediate than the one that living servers sign with.
    func finish(_ issuer: Issuer) async throws {
        guard case .postgreSQL = database else { return }
        let own = Founder(root: Array(SHA256.hash(data: issuer.root.der)), issuer: issuer.id, place: place)
        let stored = try await withDatabase { store throws(StoreError) in try await store.found(own, now: around.now()) }
        guard stored.root == own.root else {
            throw Failure(
                .keyFile,
                "\(folder.path) holds another authority than \(database.place), which was made at \(stored.place): copy the folder of a server that serves it to an empty one\(Self.parts), or choose another database."
            )
        }
        guard stored.issuer != own.issuer else { return }
        guard try await !othersLive() else {
            throw Failure(
                .keyFile,
                "\(folder.intermediate) is another intermediate than the one that the other servers sign with: copy \(folder.path) from one of them, or, to replace the intermediate, stop them all first."
            )
        }
        try await withDatabase { store throws(StoreError) in try await store.changeIssuer(own.issuer, root: own.root) }
    }

    private static let parts = " (without root/, tls.pem and *.lock)"
    private var place: String { "\(machineName()):\(folder.path)" }

    private func othersLive() async throws -> Bool {
        let before = try await withDatabase { store throws(StoreError) in try await store.servers() }
        guard !before.isEmpty else { return false }
        // More than two of their beats.
        try await around.sleep(.seconds(5))
        let after = try await withDatabase { store throws(StoreError) in try await store.servers() }
        return after.contains { server in !before.contains(server) }
    }

    private func withDatabase<Value: Sendable>(
        _ body: (AuthorityStore) async throws(StoreError) -> Value
    ) async throws(Failure) -> Value {
        do throws(StoreError) {
            let store = try await AuthorityStore.open(database, mode: .serve, now: around.now())
            do throws(StoreError) {
                let value = try await body(store)
                await store.close()
                return value
            } catch {
                await store.close()
                throw error
            }
        } catch { throw Failure(error) }
    }
}
