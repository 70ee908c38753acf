import Foundation
import Logging
import Synchronization
import Testing
import Tracing

@testable import chanceryd

struct TracerTests {
    private final class Lines: LogHandler, Sendable {
        let kept = Mutex<[Logger.Metadata]>([])
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .info }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }
        func log(event: LogEvent) { kept.withLock { $0.append(event.metadata ?? [:]) } }
    }
    private struct Header: Extractor, Injector {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }

    private let lines = Lines()
    private var tracer: LogTracer {
        let lines = lines
        let next = Mutex<UInt8>(0)
        return LogTracer(logger: Logger(label: "test") { _ in lines }) { count in
            let number = next.withLock { next in
                next += 1
                return next
            }
            return [UInt8](repeating: number, count: count)
        }
    }

    @Test func `a span is one line when it ends, with its place, time and attributes`() throws {
        let tracer = tracer
        let outer = tracer.startSpan("outer", ofKind: .server)
        let inner = tracer.startSpan("inner", context: outer.context)
        inner.attributes["chancery.name"] = "a.example"
        inner.attributes["http.response.status_code"] = 503
        inner.setStatus(.init(code: .error))
        #expect(inner.isRecording)
        inner.end()
        inner.end()
        #expect(!inner.isRecording)
        outer.end()
        let kept = lines.kept.withLock { $0 }
        #expect(kept.count == 2, "ended twice is ended once")
        #expect(kept[0]["name"] == "inner" && kept[1]["name"] == "outer")
        #expect(kept[0]["trace"] == kept[1]["trace"])
        #expect("\(kept[0]["trace"] ?? "")" == String(repeating: "01", count: 16))
        #expect(kept[0]["parent"] == kept[1]["span"] && kept[1]["parent"] == nil)
        #expect("\(kept[0]["http.response.status_code"] ?? "")" == "503")
        #expect(kept[0]["chancery.name"] == "a.example", "an attribute cannot pose as the span's own")
        #expect(kept[0]["status"] == "error" && kept[1]["status"] == nil)
        #expect(Int("\(kept[0]["us"] ?? "")") != nil)
    }

    @Test func `a trace from outside goes on, and one that nobody wants recorded leaves no line`() throws {
        let tracer = tracer
        let (trace, span) = (String(repeating: "ab", count: 16), String(repeating: "cd", count: 8))
        for flags in ["01", "00"] {
            var context = InstrumentationContext.topLevel
            tracer.extract(["traceparent": "00-\(trace)-\(span)-\(flags)"], into: &context, using: Header())
            let inner = tracer.startSpan("inner", context: context)
            var carrier: [String: String] = [:]
            tracer.inject(inner.context, into: &carrier, using: Header())
            #expect(carrier["traceparent"]?.hasPrefix("00-\(trace)-") == true)
            #expect(carrier["traceparent"]?.hasSuffix("-\(flags)") == true)
            #expect(carrier["traceparent"]?.contains(span) == false)
            inner.end()
        }
        let kept = lines.kept.withLock { $0 }
        #expect(kept.count == 1)
        #expect("\(kept[0]["parent"] ?? "")" == span)
    }

    @Test func `only what W3C calls a traceparent is one`() {
        let (trace, span) = (String(repeating: "a1", count: 16), String(repeating: "b2", count: 8))
        #expect(TraceParent("00-\(trace)-\(span)-01") == TraceParent(trace: trace, span: span, isSampled: true))
        #expect(TraceParent("01-\(trace)-\(span)-03-later")?.isSampled == true)
        for wrong in [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-01-more", "ff-\(trace)-\(span)-01", "00-\(trace)-\(span)-0",
            "00-\(trace.uppercased())-\(span)-01", "00-\(String(repeating: "0", count: 32))-\(span)-01",
            "00-\(trace)-\(String(repeating: "0", count: 16))-01", "00-\(trace)\(span)-01", "00-\(trace)-\(span)-0g",
            "00-\(trace)-\(span)-é", String(repeating: "-", count: 500),
        ] { #expect(TraceParent(wrong) == nil, "\(wrong)") }
    }
}
