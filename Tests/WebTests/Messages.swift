import ACME
import Foundation

/// A request's JWS with any part of it wrong.
struct Forge {
    var key: SigningKey
    /// Members of the protected header, in this order, as JSON text.
    var header: [(String, String)]
    var payload: [UInt8]

    init(_ key: SigningKey, kid: String? = nil, nonce: String, url: String, payload: String = "{}") {
        self.key = key
        self.payload = Array(payload.utf8)
        header = [("alg", quote(key.algorithm.rawValue)), ("nonce", quote(nonce)), ("url", quote(url))]
        header.append(kid.map { ("kid", quote($0)) } ?? ("jwk", key.jwk.canonical))
    }

    func setting(_ name: String, _ json: String?) -> Forge {
        var forge = self
        forge.header.removeAll { $0.0 == name }
        if let json { forge.header.append((name, json)) }
        return forge
    }
    func adding(_ name: String, _ json: String) -> Forge {
        var forge = self
        forge.header.append((name, json))
        return forge
    }
    func paying(_ payload: String) -> Forge { paying(Array(payload.utf8)) }
    func paying(_ payload: [UInt8]) -> Forge {
        var forge = self
        forge.payload = payload
        return forge
    }

    var protectedPart: String { Base64URL.encode("{\(header.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ","))}".utf8) }
    var payloadPart: String { Base64URL.encode(payload) }
    var signature: [UInt8] { (try? key.sign(Array("\(protectedPart).\(payloadPart)".utf8))) ?? [] }
    var body: String { body() }

    func body(signature: [UInt8]? = nil) -> String {
        let (protected, payload) = (protectedPart, payloadPart)
        let signed = signature ?? ((try? key.sign(Array("\(protected).\(payload)".utf8))) ?? [])
        return #"{"protected":"\#(protected)","payload":"\#(payload)","signature":"\#(Base64URL.encode(signed))"}"#
    }
    /// Signed over exactly these two parts, whatever they are.
    func body(protected: String, payload: String) -> String {
        let signed = (try? key.sign(Array("\(protected).\(payload)".utf8))) ?? []
        return #"{"protected":"\#(protected)","payload":"\#(payload)","signature":"\#(Base64URL.encode(signed))"}"#
    }
}

func quote(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
}

/// A request as bytes.
struct Wire {
    var method = "POST"
    var path: String
    var headers = ["Host: ca.test", "Content-Type: application/jose+json"]
    var body: [UInt8] = []
    var chunked = false

    init(_ path: String, _ body: String) { (self.path, self.body) = (path, Array(body.utf8)) }
    init(method: String, _ path: String, headers: [String] = ["Host: ca.test"]) {
        (self.method, self.path, self.headers) = (method, path, headers)
    }

    var bytes: [UInt8] {
        var lines = ["\(method) \(path) HTTP/1.1"] + headers
        if chunked {
            lines.append("Transfer-Encoding: chunked")
        } else if method == "POST" {
            lines.append("Content-Length: \(body.count)")
        }
        let head = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        guard chunked else { return head + body }
        let chunks = stride(from: 0, to: body.count, by: 1000).map { Array(body[$0..<min($0 + 1000, body.count)]) }
        return head + chunks.flatMap { Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8) }
            + Array("0\r\n\r\n".utf8)
    }
}
