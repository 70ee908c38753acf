internal import NIOCore
internal import NIOHTTP1

/// One response, whole. The connection adds date, length and framing.
struct Answer: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: ByteBuffer?
    /// Further fields, as bytes that were made once: `Name: value CR LF` for each.
    var standing: [UInt8] = []
    /// The connection ends after this answer.
    var closes = false
    /// What the request turned out to be about; for the log line.
    var facts = Facts()

    init(_ status: HTTPResponseStatus, _ headers: HTTPHeaders = [:], body: ByteBuffer? = nil) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    init(_ status: HTTPResponseStatus, type: String, _ body: some Sequence<UInt8>) {
        self.init(status, ["Content-Type": type], body: ByteBuffer(bytes: body))
    }

    init(_ status: HTTPResponseStatus, type: String, _ body: String) {
        self.init(status, ["Content-Type": type], body: ByteBuffer(string: body))
    }

    func with(_ name: String, _ value: String) -> Answer {
        var answer = self
        answer.headers.add(name: name, value: value)
        return answer
    }

    /// Whole seconds: some clients understand nothing else.
    func retrying(after seconds: Int?) -> Answer { seconds.map { with("Retry-After", String($0)) } ?? self }

    func linking(_ url: String, _ relation: String) -> Answer { with("Link", "<\(url)>;rel=\"\(relation)\"") }
}

/// Names of what a request touched. Never a token, key, signature or nonce.
struct Facts: Sendable {
    var account: String?
    var order: String?
    /// The last part of the problem's type, such as `badNonce`.
    var problem: String?
}
