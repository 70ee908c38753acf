import Authority
import Measures
import Testing

struct NonceOfficeTests {
    @Test func `S-6.5.1-1 nonces do not repeat and are base64url of 128 bits and more`() {
        let office = NonceOffice()
        var seen: Set<String> = []
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for _ in 0..<100_000 {
            let nonce = office.issue()
            #expect(seen.insert(nonce).inserted)
            if seen.count % 1_000 == 0 { #expect(nonce.count == 32 && nonce.allSatisfy(alphabet.contains)) }
        }
    }

    @Test func `S-6.5-4 of fifty uses at once exactly one succeeds`() async {
        let office = NonceOffice()
        for _ in 0..<20 {
            let nonce = office.issue()
            let successes = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 { group.addTask { office.spend(nonce) } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(successes == 1)
        }
    }

    @Test func `S-6.5-3 only nonces of this office and this process are taken`() {
        let (office, other) = (NonceOffice(), NonceOffice())
        let nonce = office.issue()
        _ = other.issue()
        #expect(!other.spend(nonce))
        for bad in [
            "", "AAAA", String(nonce.dropLast()), nonce + "A", String(nonce.reversed()), String(repeating: "A", count: 32), "ä",
        ] {
            #expect(!office.spend(bad))
        }
        #expect(office.spend(nonce))
        #expect(!office.spend(nonce))
        #expect(office.refusals[.unknown].value == 7 && office.refusals[.spent].value == 1)
        #expect(office.refusals[.old].value == 0 && office.refusals[.missing].value == 0)
        #expect(other.refusals[.unknown].value == 1)
    }

    @Test func `spending in any order works, and what is older than the window is refused`() {
        let office = NonceOffice()
        let early = (0..<200).map { _ in office.issue() }
        for nonce in early.dropFirst(100).shuffled() { #expect(office.spend(nonce)) }
        for _ in 0..<(Int(NonceOffice.window) - 100) { _ = office.issue() }
        #expect(!office.spend(early[0]))
        #expect(!office.spend(early[99]))
        #expect(!office.spend(early[150]))
        let last = office.issue()
        #expect(office.spend(last))
        #expect(!office.spend(last))
    }
}
