internal import Crypto
internal import Foundation
internal import NIOHTTP1

/// A page for a person: no script, nothing from elsewhere, a form only to where it came from.
struct HTMLPage {
    /// Plain text.
    let title: String
    /// HTML; what varies in it is escaped.
    let body: String

    var answer: Answer {
        Answer(
            .ok, type: "text/html; charset=utf-8",
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>\(title.escapedForHTML)</title><style>\(Self.style)</style></head><body>
            \(body)</body></html>

            """
        )
        .with(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'sha256-\(Self.styleHash)'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        .with("Referrer-Policy", "no-referrer")
    }

    private static let style = """
        body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
        pre{background:#f3f3f0;padding:.7rem 1rem;overflow:auto;border-radius:4px}code{word-break:break-all}
        @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}a{color:#9cf}}
        """
    private static let styleHash = Data(SHA256.hash(data: Data(style.utf8))).base64EncodedString()
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
