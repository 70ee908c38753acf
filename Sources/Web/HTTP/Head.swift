internal import NIOCore
internal import NIOHTTP1

/// What the parser lets through and nobody behind should see: RFC 9112 sections 3.2 and 6.
extension HTTPRequestHead {
    /// - Returns: why this is no request, if it is none.
    func fault(_ limits: ConnectionLimits) -> Fault? {
        guard uri.utf8.count <= limits.target else { return .targetTooLong }
        guard uri.hasPrefix("/") || originForm.hasPrefix("/") || (uri == "*" && method == .OPTIONS) else {
            return .malformed("The request target must be a path or an absolute http(s) URL.")
        }
        var (hosts, codings, lengths, isChunked) = (0, 0, 0, false)
        var expectation: String?
        var length: String?
        for (name, value) in headers {
            switch name.utf8.count {
            case 4 where name.isNamed("host"): hosts += 1
            case 6 where name.isNamed("expect"): expectation = value
            case 14 where name.isNamed("content-length"): (lengths, length) = (lengths + 1, value)
            case 17 where name.isNamed("transfer-encoding"): (codings, isChunked) = (codings + 1, value.isNamed("chunked"))
            default: break
            }
        }
        guard hosts == 1 || (hosts == 0 && version == .http1_0) else {
            return .malformed("A request must have exactly one Host field.")
        }
        guard codings == 0 || (codings == 1 && isChunked) else {
            return .malformed("The only transfer coding understood here is chunked.")
        }
        guard lengths <= 1, lengths == 0 || codings == 0 else {
            return .malformed("The length of the body is given more than once.")
        }
        if let length {
            guard let bytes = Int(length), bytes >= 0 else { return .malformed("Content-Length is not a number.") }
            guard bytes <= limits.body else { return .tooLarge(limit: limits.body) }
        }
        if let expectation, version == .http1_1, !expectation.isNamed("100-continue") { return .unknownExpectation }
        return nil
    }

    /// The absolute form of RFC 9112 section 3.2.2 without scheme and host.
    var originForm: String {
        guard !uri.hasPrefix("/") else { return uri }
        for scheme in ["https://", "http://"] where uri.hasPrefix(scheme) {
            let rest = uri.dropFirst(scheme.count)
            return rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0] == "/" ? String(rest[$0...]) : "/" + rest[$0...] }
                ?? "/"
        }
        return uri
    }

    var wantsContinue: Bool { version == .http1_1 && headers.first(name: "Expect")?.isNamed("100-continue") == true }
}

extension String {
    /// - Parameter name: in lower case ASCII.
    fileprivate func isNamed(_ name: StaticString) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { wanted in
            zip(utf8, wanted).allSatisfy { $0 == $1 || ((0x41...0x5A).contains($0) && $0 | 0x20 == $1) }
        }
    }
}
