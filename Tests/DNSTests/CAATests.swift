import Testing

@testable import DNS

/// Which CAA records hold for a name, and whom they let issue (RFC 8659, RFC 8657).
struct CAATests {
    @Test func `the nearest records upwards hold, also above names that do not exist, and those of a wildcard's domain`()
        async throws
    {
        let resolver = try Resolver(records: [
            "shop.test. 60 IN CAA 0 issue \"one.ca\"", "www.open.shop.test. 60 IN CAA 0 issue \"two.ca\"",
            "open.shop.test. 60 IN A 192.0.2.1",
        ])
        #expect(try await resolver.caa(for: "a.b.c.shop.test")?.holder == "shop.test")
        #expect(try await resolver.caa(for: "*.shop.test")?.holder == "shop.test")
        #expect(try await resolver.caa(for: "www.open.shop.test")?.properties.map(\.value) == ["two.ca"])
        #expect(try await resolver.caa(for: "open.shop.test")?.holder == "shop.test")
        #expect(try await resolver.caa(for: "elsewhere.test") == nil)
    }

    @Test func `a record is read as it stands on the wire, and one that cannot be read binds everybody`() {
        let good = CAAProperty(record: [128, 5] + Array("ISSUEone.ca".utf8))
        #expect(good == CAAProperty(isCritical: true, tag: "issue", value: "one.ca"))
        for bad: [UInt8] in [[], [0], [0, 0], [0, 9, 1]] { #expect(CAAProperty(record: bad).isCritical) }
    }

    private static let account = "https://one.ca/acct/7"

    @Test(
        arguments: [
            ([("issue", "one.ca")], false, true),
            ([("issue", " ONE.ca ; x=y")], false, true),
            ([("issue", "two.ca")], false, false),
            ([("issue", "two.ca"), ("issue", "one.ca")], false, true),
            ([("issue", ";")], false, false),
            ([("issue", "")], false, false),
            ([("issue", "one.ca two.ca")], false, false),
            ([("issue", "one.ca; nonsense")], false, false),
            ([("iodef", "mailto:a@b.test")], false, true),
            ([("issuewild", "two.ca")], false, true),
            ([("issuewild", "two.ca")], true, false),
            ([("issue", "two.ca"), ("issuewild", "one.ca")], true, true),
            ([("issue", "one.ca")], true, true),
            ([("issue", "one.ca"), ("issuewild", ";")], true, false),
            ([("issue", "one.ca; accounturi=https://one.ca/acct/7")], false, true),
            ([("issue", "one.ca; accounturi=https://one.ca/acct/8")], false, false),
            ([("issue", "one.ca; accounturi=https://one.ca/acct/7; accounturi=https://one.ca/acct/7")], false, false),
            ([("issue", "one.ca;validationmethods=dns-01, http-01")], false, true),
            ([("issue", "one.ca;validationmethods=dns-01")], false, false),
            ([("issue", "one.ca"), ("!tbs", "x")], false, false),
            ([("issue", "one.ca"), ("tbs", "x")], false, true),
        ] as [([(String, String)], Bool, Bool)])
    func `records let an authority issue or not`(records: [(String, String)], wildcard: Bool, allowed: Bool) {
        let set = CAASet(
            holder: "shop.test",
            properties: records.map { tag, value in
                CAAProperty(isCritical: tag.hasPrefix("!"), tag: String(tag.drop { $0 == "!" }), value: value)
            })
        let refusal = set.refusal(of: ["one.ca"], wildcard: wildcard, account: Self.account, method: "http-01")
        #expect((refusal == nil) == allowed, "\(String(describing: refusal))")
        if let record = refusal?.record {
            // What it says to add is enough.
            let parts = record.split(separator: " ", maxSplits: 4).map(String.init)
            #expect(parts[0] == "shop.test." && parts[1] == "CAA")
            let added = CAAProperty(tag: parts[3], value: parts[4].filter { $0 != "\"" })
            let mended = CAASet(holder: "shop.test", properties: set.properties + [added])
            #expect(mended.refusal(of: ["one.ca"], wildcard: wildcard, account: Self.account, method: "http-01") == nil)
        }
    }
}
