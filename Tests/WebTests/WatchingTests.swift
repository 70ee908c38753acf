import ACME
import Foundation
import InMemoryTracing
import Measures
import Testing
import Tracing
import Validation
import Web

/// Health, readiness, metrics and traces.
struct WatchingTests {
    @Test func `health is told apart from readiness, which names what is missing and what to do`() async throws {
        let world = try await World(faults: { ["The clock is \"wrong\"."] })
        #expect(try await world.get("/healthz").status == 200)
        for answer in [try await world.get("/readyz"), try await world.getPlain("/readyz")] {
            #expect(answer.status == 503)
            #expect(answer["Content-Type"] == "application/json")
            #expect(answer["Retry-After"] != nil)
            #expect(answer["Cache-Control"] == "no-store")
            let object = try #require(answer.json)
            #expect(object["ready"] == .bool(false))
            let check = try #require(object["checks"]?.array?.first)
            #expect(check["name"]?.string == "test")
            #expect(check["reason"]?.string == "The clock is \"wrong\".")
            #expect(check["remedy"]?.string == "Wait.")
        }
        try await world.stop()
        let ready = try await World()
        let answer = try await ready.get("/readyz")
        #expect(answer.status == 200)
        #expect(answer.json?["ready"] == .bool(true))
        try await ready.stop()
    }

    @Test func `metrics count requests, times and problems, and hold what other rooms tell`() async throws {
        let world = try await World()
        _ = try await world.get("/acme/default/directory")
        _ = try await world.ask(Wire("/acme/default/new-order", "{}"))
        _ = try await world.get("/nowhere/\"x\"\\n")
        let metrics = try await world.get("/metrics")
        #expect(metrics["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        for line in [
            "chancery_http_requests_total{route=\"directory\",status=\"200\"} 1",
            "chancery_http_requests_total{route=\"new-order\",status=\"400\"} 1",
            "chancery_http_request_seconds_count{route=\"directory\"} 1",
            "chancery_http_request_seconds_bucket{route=\"directory\",le=\"+Inf\"} 1",
            "chancery_problems_total{type=\"badCSR\"} 0", "test_of_another_room 7",
        ] { #expect(metrics.text.contains(line + "\n"), "\(line)") }
        #expect(!metrics.text.contains("nowhere"))
        for line in metrics.text.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.split(separator: " ").count == 2)
            #expect(Double(line.split(separator: " ").last ?? "") != nil)
        }
        try await world.stop()
    }

    @Test func `with a listener of their own metrics are nowhere else, and nothing else is there`() async throws {
        let world = try await World(isMonitored: true)
        let port = world.monitoringPort
        #expect(try await world.getPlain("/metrics", port: port).status == 200)
        #expect(try await world.getPlain("/readyz", port: port).status == 200)
        #expect(try await world.getPlain("/healthz", port: port).status == 200)
        for path in ["/", "/root.pem", "/acme/default/directory", "/acme/default/new-nonce"] {
            #expect(try await world.getPlain(path, port: port).status == 404, "\(path)")
        }
        #expect(try await world.get("/metrics").status == 404)
        #expect(try await world.getPlain("/metrics").status == 404)
        #expect(try await world.get("/readyz").status == 200)
        #expect(try await world.getPlain("/healthz").status == 200)
        try await world.stop()
    }

    @Test func `a request's span holds the authority's, which holds the store's; and its validation hangs below`() async throws {
        let tracer = InMemoryTracer()
        let world = try await World(tracing: RequestTracing(tracer))
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        try await IssuanceTests.prove(holder, order)
        let csr = try IssuanceTests.csr(["a.example"])
        let answer = try await holder.post(order.json?["finalize"]?.string ?? "", #"{"csr":"\#(csr)"}"#)
        #expect(answer.json?["status"]?.string == "valid")
        try await world.stop()

        let spans = tracer.finishedSpans
        func only(_ name: String, in trace: String? = nil) throws -> FinishedInMemorySpan {
            let found = spans.filter { $0.operationName == name && (trace == nil || $0.traceID == trace) }
            #expect(found.count == 1, "\(name) \(found.count)")
            return try #require(found.first)
        }
        func parent(_ span: FinishedInMemorySpan) -> String? { spans.first { $0.spanID == span.parentSpanID }?.operationName }
        let request = try only("POST new-order")
        #expect(request.parentSpanID == nil && request.kind == .server)
        #expect(request.attributes.get("http.response.status_code") == .int64(201))
        #expect(request.attributes.get("chancery.request") == .string(order["X-Request-Id"] ?? ""))
        #expect(parent(try only("authority new-order")) == "POST new-order")
        #expect(parent(try only("store.write createOrder")) == "authority new-order")
        let challenge = try only("POST challenge")
        let validation = try only("validate http-01", in: challenge.traceID)
        #expect(validation.kind == .client)
        #expect(validation.attributes.get("chancery.name") == "a.example")
        let finalize = try only("POST finalize")
        for name in ["store.write beginIssuance", "sign certificate", "store.write recordIssuance"] {
            _ = try only(name, in: finalize.traceID)
        }
        for span in spans {
            var text = span.operationName
            span.attributes.forEach { text += "\($0)\($1)" }
            #expect(!text.contains(holder.key.jwk.thumbprint))
        }
    }

    @Test(arguments: [false, true])
    func `who may say which trace a request belongs to is the operator's to say`(isTrusted: Bool) async throws {
        let tracer = InMemoryTracer()
        let world = try await World(tracing: RequestTracing(tracer, trusts: { isTrusted && $0 == "127.0.0.1" }))
        let fields = ["\(InMemoryTracer.traceIDKey): theirs", "\(InMemoryTracer.spanIDKey): above"]
        _ = try await world.get("/healthz", fields)
        _ = try await world.get("/healthz", fields + fields)
        try await world.stop()
        let traces = tracer.finishedSpans.map(\.traceID)
        #expect(traces.count == 2)
        #expect((traces[0] == "theirs") == isTrusted)
        #expect(traces[1] != "theirs", "said twice is not said")
    }
}
