import InMemoryTracing
import Measures
import Testing
import Tracing

private struct Refused: Error {}

struct TraceTests {
    @Test func `spans nest below the root across tasks, and bear what was noted`() async throws {
        let tracer = InMemoryTracer()
        await Trace.root("top", by: tracer, below: .topLevel, ["a": "b"]) {
            await Trace.span("middle") {
                await Task { await Trace.span("leaf", ofKind: .client, ["n": 1]) { Trace.note(["m": 2]) } }.value
            }
            Trace.note(["done": true])
        }
        let spans = tracer.finishedSpans
        #expect(spans.map(\.operationName) == ["leaf", "middle", "top"])
        #expect(Set(spans.map(\.traceID)).count == 1)
        #expect(spans[0].parentSpanID == spans[1].spanID)
        #expect(spans[1].parentSpanID == spans[2].spanID)
        #expect(spans[2].parentSpanID == nil)
        #expect(spans[2].kind == .server && spans[0].kind == .client)
        #expect(spans[0].attributes.get("n") == .int64(1) && spans[0].attributes.get("m") == .int64(2))
        #expect(spans[2].attributes.get("a") == "b" && spans[2].attributes.get("done") == .bool(true))
    }

    @Test func `an error passes through unchanged and marks its span`() async throws {
        let tracer = InMemoryTracer()
        _ = await Trace.root("top", by: tracer, below: .topLevel, [:]) {
            await #expect(throws: Refused.self) { try await Trace.span("inner") { () async throws(Refused) in throw Refused() } }
        }
        let inner = try #require(tracer.finishedSpans.first { $0.operationName == "inner" })
        #expect(inner.status?.code == .error)
        #expect(inner.errors.first?.error is Refused)
        #expect(tracer.finishedSpans.last?.status == nil)
    }

    @Test func `without a root nothing is begun and nothing is even named`() async throws {
        func name() -> String {
            Issue.record("a span was named that nobody asked for")
            return ""
        }
        let value = await Trace.span(name(), [name(): 1]) { 7 }
        #expect(value == 7)
        Trace.note([name(): 1])
        Trace.fail()
    }
}
