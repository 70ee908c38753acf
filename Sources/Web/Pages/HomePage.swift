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
        Answer(.ok, type: "text/html; charset=utf-8", html)
            .with(
                "Content-Security-Policy",
                "default-src 'none'; style-src 'sha256-\(styleHash)'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            .with("Referrer-Policy", "no-referrer")
            .with("Cache-Control", "no-cache")
    }

    /// SHA-256 of the certificate as `openssl x509 -fingerprint -sha256` prints it.
    var fingerprint: String { SHA256.hash(data: root).map { String(format: "%02X", $0) }.joined(separator: ":") }

    private static let style = """
        body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
        pre{background:#f3f3f0;padding:.7rem 1rem;overflow:auto;border-radius:4px}code{word-break:break-all}
        @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}a{color:#9cf}}
        """
    private var styleHash: String { Data(SHA256.hash(data: Data(Self.style.utf8))).base64EncodedString() }

    private var html: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        <title>\(name.escapedForHTML)</title><style>\(Self.style)</style></head><body>
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
        </body></html>

        """
    }
}

extension String {
    var escapedForHTML: String {
        reduce(into: "") { text, character in
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.append(character)
            }
        }
    }
}
