internal import Crypto
internal import Foundation
internal import NIOHTTP1

/// `GET /`: for a person who was told "we have a CA now".
struct HomePage {
    let name: String
    let directory: String
    let rootURL: String
    /// DER.
    let root: [UInt8]

    var answer: Answer {
        HTMLPage(title: name, body: body).answer.with("Cache-Control", "no-cache")
    }

    /// SHA-256 of the certificate as `openssl x509 -fingerprint -sha256` prints it.
    var fingerprint: String { SHA256.hash(data: root).map { String(format: "%02X", $0) }.joined(separator: ":") }

    private var body: String {
        """
        <h1>\(name.escapedForHTML)</h1>
        <p>A certificate authority that speaks ACME (RFC 8555). Its directory:</p>
        <pre>\(directory.escapedForHTML)</pre>
        <p>Its root certificate, <a href="/root.pem">root.pem</a> (<a href="/root.cer">DER</a>), has the SHA-256 fingerprint</p>
        <pre>\(fingerprint)</pre>
        <p>Compare it with what your administrator told you before you trust it. Then:</p>
        <pre>curl -k -o root.pem \(rootURL.escapedForHTML)
        openssl x509 -in root.pem -noout -fingerprint -sha256</pre>
        <h2>A first certificate</h2>
        <p>chancery</p>
        <pre>chancery issue -d NAME --ca \(directory.escapedForHTML) --ca-root root.pem --standalone --agree-tos -m MAIL</pre>
        <p>certbot</p>
        <pre>REQUESTS_CA_BUNDLE=root.pem certbot certonly --standalone --server \(directory.escapedForHTML) -d NAME --agree-tos -m MAIL</pre>
        <p>lego</p>
        <pre>LEGO_CA_CERTIFICATES=root.pem lego --server \(directory.escapedForHTML) --accept-tos --email MAIL --domains NAME --http run</pre>

        """
    }
}
