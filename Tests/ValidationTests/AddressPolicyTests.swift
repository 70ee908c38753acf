import DNS
import Testing

@testable import Validation

struct AddressPolicyTests {
    @Test func `every row of the table is a range`() { #expect(SpecialRange.all.count == SpecialRange.rows.count) }

    @Test(arguments: [
        "8.8.8.8", "1.1.1.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "172.32.0.1", "11.0.0.1",
        "126.255.255.255",
        "128.0.0.1", "169.253.0.1", "223.255.255.255", "2606:4700::1", "fd00::1", "fc00::1", "::ffff:8.8.8.8", "::ffff:10.0.0.1",
        "64:ff9b::808:808",
        "2002:808:808::1", "2a00::1",
    ])
    func `public and private addresses are permitted`(text: String) throws {
        #expect(try AddressPolicy().permits(#require(IPAddress(text))))
    }

    @Test func `a listed range is permitted in every form, its neighbours are not`() throws {
        let policy = try AddressPolicy(allowed: ["127.0.0.0/30", "::1"])
        for text in ["127.0.0.1", "127.0.0.3", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:2"] {
            #expect(policy.permits(try #require(IPAddress(text))), "\(text)")
        }
        for text in ["127.0.0.4", "::2", "::ffff:127.0.0.4", "169.254.169.254"] {
            #expect(!policy.permits(try #require(IPAddress(text))), "\(text)")
        }
    }

    @Test func `the server's own addresses are refused unless listed, mapped ones too`() throws {
        let policy = try AddressPolicy(own: ["10.0.0.7", "fd00::7"])
        for text in ["10.0.0.7", "fd00::7", "::ffff:10.0.0.7", "2002:a00:7::"] {
            let address = try #require(IPAddress(text))
            let refusal = try #require(policy.refusal(of: address))
            #expect(refusal.kind.contains("own"))
        }
        #expect(policy.permits(try #require(IPAddress("10.0.0.8"))))
        #expect(try AddressPolicy(allowed: ["10.0.0.0/8"], own: ["10.0.0.7"]).permits(#require(IPAddress("10.0.0.7"))))
    }

    @Test func `this host's addresses can be refused as its own`() throws {
        let own = AddressPolicy.addressesOfThisHost()
        #expect(own.contains("127.0.0.1"))
        #expect(throws: Never.self) { try AddressPolicy(own: own) }
    }

    @Test func `a refusal says what to change`() throws {
        let refusal = try AddressPolicy().refusal(of: #require(IPAddress("127.0.0.1")))
        #expect(
            refusal?.description
                == "address 127.0.0.1 is loopback, start chanceryd with --allow-address 127.0.0.0/8 if that is meant")
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "localhost", "10.0.0.0/+8", "/8",
    ])
    func `what is no range is refused with the text`(text: String) {
        #expect(throws: NotARange(text: text)) { try AddressPolicy(allowed: [text]) }
    }

    @Test func `the whole of a family can be listed`() throws {
        #expect(try AddressPolicy(allowed: ["0.0.0.0/0"]).permits(#require(IPAddress("169.254.169.254"))))
        #expect(try AddressPolicy(allowed: ["::/0"]).permits(#require(IPAddress("ff02::1"))))
    }
}
