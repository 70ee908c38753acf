internal import ACME
internal import Measures
internal import NIOHTTP1
package import Tracing

/// A span for each request, by a tracer that whoever puts the server together chose.
package struct RequestTracing: Sendable {
    let tracer: any Tracer
    let trusts: @Sendable (_ peer: String) -> Bool

    /// - Parameter trusts: whether a client, by its address as trusted proxies tell it, may say which trace its requests belong to. Anybody
    ///   else could join foreign traces, or have a million of them begun. A proxy is no reason for trust: most hand on what strangers sent.
    package init(_ tracer: any Tracer, trusts: @escaping @Sendable (_ peer: String) -> Bool = { _ in false }) {
        (self.tracer, self.trusts) = (tracer, trusts)
    }

    func trace(_ received: Received, _ route: RouteName, _ id: String, _ work: () async -> Answer) async -> Answer {
        var parent = InstrumentationContext.topLevel
        if received.peer.map(trusts) == true {
            tracer.extract(received.headers, into: &parent, using: Fields())
        }
        let method = received.method.rawValue.printable(limit: 16)
        let attributes: SpanAttributes = [
            "http.request.method": .string(method), "http.route": .string(route.text), "chancery.request": .string(id),
        ]
        return await Trace.root(method + " " + route.text, by: tracer, below: parent, attributes) {
            let answer = await work()
            var facts: SpanAttributes = ["http.response.status_code": .int64(Int64(answer.status.code))]
            if let problem = answer.facts.problem { facts["chancery.problem"] = problem }
            if let account = answer.facts.account { facts["chancery.account"] = account }
            if let order = answer.facts.order { facts["chancery.order"] = order }
            Trace.note(facts)
            if answer.status.code >= 500 { Trace.fail() }
            return answer
        }
    }
}

/// Reads `traceparent` and its kind where they stand once; a field that is there twice says nothing.
private struct Fields: Extractor {
    func extract(key: String, from carrier: HTTPHeaders) -> String? {
        let values = carrier[key]
        return values.count == 1 && values[0].utf8.count <= 512 ? values[0] : nil
    }
}
