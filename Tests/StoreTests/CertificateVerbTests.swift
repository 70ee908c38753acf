import ACME
import Foundation
import Testing

@testable import Store

struct CertificateVerbTests {
    @Test(arguments: EngineKind.allCases)
    func `certificates are found by each filter and by all together, in pages`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let (one, other) = (try await store.makeAccount(), try await store.makeAccount())
        let hash = anyBytes(32)
        var all: [StoredCertificate] = []
        for number in 0..<6 {
            all.append(
                try await store.issue(
                    number < 4 ? one.id : other.id, ["host\(number % 2).example", "all.example"],
                    keyHash: number % 3 == 0 ? hash : anyBytes(32), at: start.addingTimeInterval(Double(number) * day)))
        }
        for number in [1, 4] {
            let revoked = StoredCertificate.Revocation(at: start, reason: 4)
            all[number].revoked = revoked
            _ = try await store.revoke(issuer: all[number].issuer, serial: all[number].serial, at: start, reason: 4)
        }
        func found(_ filter: CertificateFilter) async throws -> [Int?] {
            var seen: [StoredCertificate] = []
            while true {
                let page = try await store.certificates(filter, after: seen.last, limit: 2)
                if page.isEmpty { return seen.map { all.firstIndex(of: $0) } }
                seen += page
            }
        }
        #expect(try await found(CertificateFilter()) == [0, 1, 2, 3, 4, 5])
        #expect(try await found(CertificateFilter(name: "host1.example")) == [1, 3, 5])
        #expect(try await found(CertificateFilter(name: "HOST1.example")) == [])
        #expect(try await found(CertificateFilter(account: other.id)) == [4, 5])
        #expect(try await found(CertificateFilter(keyHash: hash)) == [0, 3])
        #expect(try await found(CertificateFilter(revoked: true)) == [1, 4])
        #expect(try await found(CertificateFilter(revoked: false)) == [0, 2, 3, 5])
        let (first, third) = (start.addingTimeInterval(45 * day), start.addingTimeInterval(47 * day))
        #expect(try await found(CertificateFilter(ends: .distantPast..<third)) == [0, 1])
        #expect(try await found(CertificateFilter(ends: first..<third)) == [0, 1])
        #expect(try await found(CertificateFilter(ends: first.addingTimeInterval(1)..<third.addingTimeInterval(1))) == [1, 2])
        #expect(try await found(CertificateFilter(revoked: true, ends: first..<third)) == [1])
        #expect(try await found(CertificateFilter(revoked: false, ends: first..<third)) == [0])
        #expect(try await found(CertificateFilter(account: other.id, ends: first..<third)) == [])
        #expect(try await found(CertificateFilter(name: "all.example", account: one.id, revoked: true)) == [1])
        #expect(try await found(CertificateFilter(account: one.id, keyHash: hash, revoked: false)) == [0, 3])
        #expect(try await store.certificate(anyID()) == nil)
        #expect(try await store.certificate(issuer: "other", serial: all[0].serial) == nil)
    }

    @Test(arguments: EngineKind.allCases)
    func `a certificate is revoked once, and the first reason stands`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let one = try await store.issue(account.id)
        await #expect(throws: StoreError.notFound) {
            try await store.revoke(issuer: one.issuer, serial: anyBytes(), at: start, reason: nil)
        }
        guard case .revoked(let revoked) = try await store.revoke(issuer: one.issuer, serial: one.serial, at: start, reason: nil)
        else { Issue.record("not revoked"); return }
        #expect(revoked.revoked == .init(at: start, reason: nil))
        #expect(
            try await store.revoke(issuer: one.issuer, serial: one.serial, at: start.addingTimeInterval(9), reason: 1)
                == .already(at: start, reason: nil))
        #expect(try await store.certificate(one.id) == revoked)
        let place = RevocationPlace(listedUntil: one.notAfter, certificate: one.id)
        #expect(
            try await store.listed(one.issuer) == [StoredRevocation(serial: one.serial, at: start, reason: nil, place: place)])
        #expect(try await store.listed("other").isEmpty)
        #expect(try await store.publicationState(issuer: one.issuer) == PublicationState(revocations: 1, newest: nil))
        #expect(try await store.publicationState(issuer: "other") == PublicationState(revocations: 0, newest: nil))
    }

    @Test(arguments: EngineKind.allCases)
    func `a compromised key is blocked when its owner says so`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let (one, other) = (try await store.issue(account.id), try await store.issue(account.id))
        _ = try await store.revoke(issuer: other.issuer, serial: other.serial, at: start, reason: 1)
        #expect(try await !store.isKeyBlocked(other.keyHash))
        // Also when it is revoked already.
        _ = try await store.revoke(issuer: other.issuer, serial: other.serial, at: start, reason: 1, blockKey: true)
        #expect(try await store.isKeyBlocked(other.keyHash))
        #expect(try await !store.isKeyBlocked(one.keyHash))
        try await store.blockKey(one.keyHash, at: start)
        try await store.blockKey(one.keyHash, at: start)
        #expect(try await store.isKeyBlocked(one.keyHash))
    }

    @Test(arguments: EngineKind.allCases)
    func `RFC 5280 3.3: an entry leaves the list only after a list made past its expiry named it`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let end = start.addingTimeInterval(10 * day)
        let one = try await store.issue(account.id, notAfter: end)
        _ = try await store.revoke(issuer: one.issuer, serial: one.serial, at: start, reason: 4)
        func save(_ at: Date) async throws {
            let number = try await store.nextCRLNumber(issuer: one.issuer)
            try await store.saveCRL(
                StoredRevocationList(
                    issuer: one.issuer, number: number, der: [1], thisUpdate: at, nextUpdate: at.addingTimeInterval(day)))
        }
        #expect(try await store.listed(one.issuer).count == 1)
        try await save(end.addingTimeInterval(-hour))
        #expect(try await store.listed(one.issuer).count == 1)
        try await save(end.addingTimeInterval(hour))
        #expect(try await store.listed(one.issuer).isEmpty)
        #expect(try await store.certificate(one.id)?.revoked != nil)
        // Revoked when it had expired already: named once as well.
        let late = try await store.issue(account.id, notAfter: end)
        _ = try await store.revoke(
            issuer: one.issuer, serial: late.serial, at: end.addingTimeInterval(2 * hour), reason: nil)
        #expect(try await store.listed(one.issuer).map(\.serial) == [late.serial])
        try await save(end.addingTimeInterval(3 * hour))
        #expect(try await store.listed(one.issuer).isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `the list's entries come in pages, each once, whatever ends together`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        var serials: Set<[UInt8]> = []
        for number in 0..<23 {
            let one = try await store.issue(account.id, notAfter: start.addingTimeInterval(Double(number / 8) * day))
            _ = try await store.revoke(issuer: one.issuer, serial: one.serial, at: start, reason: 1)
            serials.insert(one.serial)
        }
        for page in [1, 4, 23, 100] {
            let listed = try await store.listed("issuer", page: page)
            #expect(listed.count == 23 && Set(listed.map(\.serial)) == serials)
        }
        let state = try await store.publicationState(issuer: "issuer")
        #expect(state.revocations == 23)
        try await store.saveCRL(
            StoredRevocationList(
                issuer: "issuer", number: 4, der: [1], thisUpdate: start.addingTimeInterval(day + 1),
                nextUpdate: start.addingTimeInterval(8 * day), revocations: state.revocations))
        #expect(try await store.publicationState(issuer: "issuer").newest == store.latestCRL(issuer: "issuer")?.head)
        // Those that ended before that list was made have been named.
        #expect(try await store.listed("issuer", page: 4).count == 7)
    }

    @Test(arguments: EngineKind.allCases)
    func `of forty revocations at once each is counted`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        var all: [StoredCertificate] = []
        for _ in 0..<20 { all.append(try await store.issue(account.id)) }
        try await withThrowingTaskGroup(of: Void.self) { [all] group in
            for one in all + all {
                group.addTask { _ = try await store.revoke(issuer: one.issuer, serial: one.serial, at: start, reason: nil) }
            }
            try await group.waitForAll()
        }
        #expect(try await store.publicationState(issuer: "issuer").revocations == 20)
        #expect(try await store.counts().revocations == 20)
    }

    @Test(arguments: EngineKind.allCases)
    func `counts follow what is stored, old or new`(kind: EngineKind) async throws {
        let store = try await kind.open()
        func made() async throws -> [Int] {
            let counts = try await store.counts()
            return [counts.accounts, counts.certificates]
        }
        #expect(try await made() == [0, 0])
        for number in 0..<5 {
            let now = start.addingTimeInterval(Double(number) * 600)
            let account = try await store.makeAccount(at: now)
            for _ in 0...number { _ = try await store.issue(account.id, at: now) }
            #expect(try await made() == [number + 1, (number + 1) * (number + 2) / 2])
        }
        // A certificate whose signature took hours counts too.
        let now = start.addingTimeInterval(2400)
        let account = try await store.makeAccount(at: now)
        let order = try await store.makeOrder(account.id, at: now)
        try await store.prove(order, at: now)
        let intent = anyIntent(order, at: now)
        _ = try await store.beginIssuance(intent, owner: "", leaseUntil: start)
        #expect(try await made()[1] == 15)
        _ = try await store.issue(account.id, at: start.addingTimeInterval(9 * hour))
        #expect(try await made()[1] == 16)
        try await store.recordIssuance(signed(intent))
        #expect(try await made()[1] == 17)
    }

    @Test(arguments: EngineKind.allCases)
    func `CRL numbers rise, each is given once, and no older list replaces a newer one`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<20 { group.addTask { try await store.nextCRLNumber(issuer: "i") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(numbers.sorted() == Array(1...20))
        #expect(try await store.nextCRLNumber(issuer: "other") == 1)
        func list(_ number: Int64, _ after: TimeInterval) -> StoredRevocationList {
            StoredRevocationList(
                issuer: "i", number: number, der: anyBytes(), thisUpdate: start.addingTimeInterval(after),
                nextUpdate: start.addingTimeInterval(after + day))
        }
        #expect(try await store.latestCRL(issuer: "i") == nil)
        let second = list(2, 10)
        try await store.saveCRL(second)
        for older in [list(1, 20), list(2, 20), list(3, 9)] {
            await #expect(throws: StoreError.conflict("a newer revocation list is saved already")) {
                try await store.saveCRL(older)
            }
        }
        #expect(try await store.latestCRL(issuer: "i") == second)
        let third = list(3, 10)
        try await store.saveCRL(third)
        #expect(try await store.latestCRL(issuer: "i") == third)
    }

    @Test(arguments: EngineKind.allCases)
    func `issuers keep their chains`(kind: EngineKind) async throws {
        let store = try await kind.open()
        var issuer = StoredIssuer(id: "ab12", chain: [anyBytes(600), anyBytes(500)], created: start)
        try await store.saveIssuer(issuer)
        issuer.chain.append(anyBytes(10))
        try await store.saveIssuer(issuer)
        #expect(try await store.issuers() == [issuer])
    }

    @Test(arguments: EngineKind.allCases)
    func `sweeping takes what expired before the cutoff, in batches, and nothing else`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let issued = try await store.issue(account.id)
        var old: [StoredOrder] = []
        for _ in 0..<25 { old.append(try await store.makeOrder(account.id, ["a.example", "b.example"])) }
        let running = try await store.makeOrder(account.id)
        try await store.prove(running)
        let intent = anyIntent(running)
        _ = try await store.beginIssuance(intent, owner: "me", leaseUntil: start)
        _ = try await store.beginValidation(old[3].authorizations[0], .dns01, owner: "me", leaseUntil: start, now: start)
        let later = start.addingTimeInterval(100 * day)
        let young = try await store.makeOrder(account.id, at: later)

        // Expiring at the cutoff is not before it: only what sorts earlier goes.
        var swept = try await store.sweep(expiredBefore: start.addingTimeInterval(7 * day), limit: 100)
        #expect(swept == Swept(orders: 0, authorizations: 0, finished: true))
        var (orders, authorizations, rounds) = (0, 0, 0)
        repeat {
            swept = try await store.sweep(expiredBefore: later, limit: 10)
            orders += swept.orders
            authorizations += swept.authorizations
            rounds += 1
        } while !swept.finished && rounds < 100
        #expect(orders == 26 && authorizations == 51)
        #expect(rounds >= 6)
        #expect(try await store.order(old[3].id) == nil)
        #expect(try await store.authorization(old[3].authorizations[0]) == nil)
        #expect(try await store.counts().validationsWaiting == 0)
        #expect(try await store.order(young.id)?.authorizations.count == 1)
        #expect(try await store.order(running.id)?.authorizations.count == 1)
        #expect(try await store.certificate(issued.id) == issued)
        try await store.recordIssuance(signed(intent))
        // The next round begins at the front again.
        swept = try await store.sweep(expiredBefore: later, limit: 10)
        #expect(swept == Swept(orders: 1, authorizations: 1, finished: true))
    }

    @Test(arguments: EngineKind.allCases)
    func `a quick round ends where nothing has expired, a thorough one looks at all`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        for _ in 0..<15 { _ = try await store.makeOrder(account.id) }
        // Ten lasting ones, and behind them one that ended early.
        for number in 0..<11 {
            var new = anyOrder(account.id, at: start.addingTimeInterval(hour + Double(number)))
            let end = start.addingTimeInterval(number < 10 ? 90 * day : 2 * day)
            new.order.expires = end
            new.authorizations[0].expires = end
            try await store.createOrder(new.order, new.authorizations)
        }
        let cutoff = start.addingTimeInterval(20 * day)
        func round(thorough: Bool) async throws -> [Int] {
            var total = [0, 0]
            for _ in 0..<100 {
                let step = try await store.sweep(expiredBefore: cutoff, limit: 5, thorough: thorough)
                total = [total[0] + step.orders, total[1] + step.authorizations]
                if step.finished { break }
            }
            return total
        }
        #expect(try await round(thorough: false) == [15, 15])
        #expect(try await round(thorough: false) == [0, 0])
        #expect(try await round(thorough: true) == [1, 1])
        #expect(try await store.orders(limit: 100).count == 10)
    }

    @Test(arguments: EngineKind.allCases)
    func `authorizations of orders in process stay, wherever they lie in a page`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        var kept: Set<RecordID> = []
        for number in 0..<30 {
            let order = try await store.makeOrder(account.id, at: start.addingTimeInterval(Double(number)))
            guard number % 7 == 0 || number == 29 || number == 28 else { continue }
            try await store.prove(order, at: start.addingTimeInterval(60))
            _ = try await store.beginIssuance(anyIntent(order, at: start.addingTimeInterval(60)), owner: "", leaseUntil: start)
            kept.formUnion(order.authorizations)
        }
        let cutoff = start.addingTimeInterval(99 * day)
        while try await !store.sweep(expiredBefore: cutoff, limit: 9).finished {}
        let left = try await store.orders(limit: 100)
        #expect(left.count == 6 && Set(left.flatMap(\.authorizations)) == kept)
        for id in kept { #expect(try await store.authorization(id) != nil) }
    }
}
