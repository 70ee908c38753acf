internal import Authority
internal import Crypto
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import PKIX
internal import Store
internal import Synchronization

/// Revocation lists, issuer certificates and the root, as certificates point at them; on both listeners.
struct Publication: Sendable {
    let authority: CertificateAuthority
    let rootPEM: Answer
    let rootDER: Answer
    private let shelf = ListShelf()
    let now: @Sendable () -> Date

    init(authority: CertificateAuthority, now: @escaping @Sendable () -> Date) {
        (self.authority, self.now) = (authority, now)
        let root = authority.issuer.root.der
        let cached = "public, max-age=86400"
        rootPEM = Answer(.ok, type: "application/x-pem-file", PEM.encode("CERTIFICATE", root)).with("Cache-Control", cached)
        rootDER = Answer(.ok, type: "application/pkix-cert", root).with("Cache-Control", cached)
    }

    /// RFC 5280 section 4.2.2.1: DER under the URL in the certificates' authority information access.
    func issuer(_ name: String) async throws -> Answer {
        guard let der = try await authority.issuerCertificate(name) else { return .notFound("There is no such issuer.") }
        return Answer(.ok, type: "application/pkix-cert", der).with("Cache-Control", "public, max-age=86400")
    }

    /// RFC 5280 section 4.2.1.13. Caches may keep it for as long as it is current, but not longer than five minutes without asking: a
    /// revocation is to be seen soon.
    func list(_ name: String, ifNoneMatch: [String]) async throws -> Answer {
        guard let list = try await authority.crl(name) else { return .notFound("There is no such revocation list.") }
        let (tag, body) = shelf.page(list)
        let age = max(0, min(300, Int(list.nextUpdate.timeIntervalSince(now()))))
        let headers: HTTPHeaders = [
            "ETag": tag, "Last-Modified": httpDate(list.thisUpdate), "Expires": httpDate(list.nextUpdate),
            "Cache-Control": "public, max-age=\(age)",
        ]
        guard !matches(ifNoneMatch, tag) else { return Answer(.notModified, headers) }
        var answer = Answer(.ok, headers, body: body)
        answer.headers.add(name: "Content-Type", value: "application/pkix-crl")
        return answer
    }

    /// RFC 9110 section 13.1.2: weak comparison.
    private func matches(_ fields: [String], _ tag: String) -> Bool {
        fields.flatMap { $0.split(separator: ",") }.contains { field in
            let trimmed = field.filter { $0 != " " && $0 != "\t" }
            return trimmed == "*" || trimmed == tag || trimmed == "W/" + tag
        }
    }
}

/// Lists as they go out: made once from each list, and shared by all its answers. A list of 100,000 entries has four megabytes.
private final class ListShelf: Sendable {
    private struct Page {
        let number: Int64
        let tag: String
        let body: ByteBuffer
    }
    /// By issuer; only such as the authority knows.
    private let pages = Mutex<[String: Page]>([:])

    func page(_ list: StoredRevocationList) -> (tag: String, body: ByteBuffer) {
        pages.withLock { pages in
            if let page = pages[list.issuer], page.number == list.number { return (page.tag, page.body) }
            let digest = SHA256.hash(data: list.der).prefix(6).map { String(format: "%02x", $0) }.joined()
            let page = Page(number: list.number, tag: "\"\(list.number)-\(digest)\"", body: ByteBuffer(bytes: list.der))
            pages[list.issuer] = page
            return (page.tag, page.body)
        }
    }
}
