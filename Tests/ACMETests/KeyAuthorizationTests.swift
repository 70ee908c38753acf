import ACME
import Testing

struct KeyAuthorizationTests {
    // The worked example with the key of RFC 7515 A.3.
    let example = KeyAuthorization(token: "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", thumbprint: WorkedKeys.p256Thumbprint)

    @Test func `http-01, dns-01 and tls-alpn-01 get their forms`() {
        #expect(example.text == "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U")
        #expect(example.dnsValue == "ZaJgFtIV4WA0t2MzN7kbSk0sfRd2GZjaxRqaSTAK6lI")
        #expect(example.digest.map { String($0, radix: 16) }.joined().hasPrefix("65a26016d215e16034b7633337b91b4a"))
        #expect(example.digest.count == 32)
    }

    @Test func `it does not print`() {
        var dumped = ""
        dump(example, to: &dumped)
        #expect(!"\(example) \(String(reflecting: example)) \(dumped)".contains("evaGx"))
    }
}

struct ExternalAccountBindingTests {
    @Test func `the worked example comes out`() throws {
        let key = try JWK(canonical: WorkedKeys.p256)
        let binding = FlattenedJWS.externalAccountBinding(
            keyIdentifier: "eab-kid-1", key: Array(0...31), account: key, url: "https://ca.example/acme/new-account")
        #expect(
            binding.protected == """
                eyJhbGciOiJIUzI1NiIsImtpZCI6ImVhYi1raWQtMSIsInVybCI6Imh0dHBzOi8vY2EuZXhhbXBsZS9hY21lL25ldy1hY2NvdW50In0
                """)
        #expect(binding.signature == "ckCfEve-kBTbR8Npdo7Tf2abZpi6RQ-6KKIGLd69fO0")
        #expect(try Base64URL.decode(binding.payload) == Array(WorkedKeys.p256.utf8))
    }
}
