import Logging
import Synchronization
import Tracing

/// Writes each span as a line of the log when it ends; W3C Trace Context (version 00) on the wire.
struct LogTracer: Tracer {
    private let logger: Logger
    private let random: @Sendable (Int) -> [UInt8]

    /// - Parameter random: so many bytes of chance.
    init(logger: Logger, random: @escaping @Sendable (Int) -> [UInt8]) { (self.logger, self.random) = (logger, random) }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> LogSpan {
        var context = context()
        let parent = context.traceParent
        let own = TraceParent(
            trace: parent?.trace ?? hexadecimal(random(16)), span: hexadecimal(random(8)), isSampled: parent?.isSampled ?? true)
        context.traceParent = own
        return LogSpan(
            operationName, context: context, own, below: parent?.span, kind, start: instant().nanosecondsSinceEpoch, logger)
    }

    func forceFlush() {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    )
    where Extract.Carrier == Carrier {
        if let field = extractor.extract(key: "traceparent", from: carrier), let parent = TraceParent(field) {
            context.traceParent = parent
        }
    }

    func inject<Carrier, Inject: Injector>(_ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject)
    where Inject.Carrier == Carrier {
        if let own = context.traceParent { injector.inject(own.field, forKey: "traceparent", into: &carrier) }
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// A place in a trace, as the `traceparent` field has it.
struct TraceParent: Sendable, Equatable {
    /// 32 and 16 lower-case hexadecimal digits.
    let trace: String
    let span: String
    /// Whether whoever began the trace wants it recorded.
    let isSampled: Bool

    init(trace: String, span: String, isSampled: Bool) { (self.trace, self.span, self.isSampled) = (trace, span, isSampled) }

    /// - Returns: nil for anything but `00-TRACE-SPAN-FLAGS`, or what a later version adds behind that.
    init?(_ field: String) {
        let parts = field.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        let lengths = [2, 32, 16, 2]
        guard parts.count == 4 || (parts.count == 5 && parts[0] != "00"), parts[0] != "ff",
            zip(parts, lengths).allSatisfy({ part, length in
                part.utf8.count == length && part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            }),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" }),
            let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(trace: String(parts[1]), span: String(parts[2]), isSampled: flags & 1 == 1)
    }

    var field: String { "00-\(trace)-\(span)-\(isSampled ? "01" : "00")" }
}

extension InstrumentationContext {
    private enum Key: InstrumentationContextKey {
        typealias Value = TraceParent
        static var nameOverride: String? { "traceparent" }
    }
    var traceParent: TraceParent? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}

/// A span that becomes a log line.
final class LogSpan: Span {
    private struct State {
        var name: String
        var attributes: SpanAttributes = [:]
        var error: String?
        var isError = false
        var isOver = false
    }

    let context: InstrumentationContext
    private let place: TraceParent
    private let parent: String?
    private let kind: SpanKind
    /// Nanoseconds since 1970.
    private let start: UInt64
    private let logger: Logger
    private let state: Mutex<State>

    init(
        _ name: String, context: InstrumentationContext, _ place: TraceParent, below parent: String?, _ kind: SpanKind,
        start: UInt64, _ logger: Logger
    ) {
        (self.context, self.place, self.parent, self.kind, self.start, self.logger) = (
            context, place, parent, kind, start, logger
        )
        state = Mutex(State(name: name))
    }

    var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }
    var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }
    var isRecording: Bool { place.isSampled && state.withLock { !$0.isOver } }

    func setStatus(_ status: SpanStatus) { state.withLock { $0.isError = status.code == .error } }
    func addEvent(_ event: SpanEvent) {}
    func addLink(_ link: SpanLink) {}
    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.error = "\(error)" }
    }

    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended: State? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state
        }
        guard let ended, place.isSampled else { return }
        let end = instant().nanosecondsSinceEpoch
        var metadata: Logger.Metadata = [
            "trace": .string(place.trace), "span": .string(place.span), "name": .string(ended.name), "kind": .string("\(kind)"),
            "start": .stringConvertible(start / 1000), "us": .stringConvertible(end > start ? (end - start) / 1000 : 0),
        ]
        if let parent { metadata["parent"] = .string(parent) }
        if ended.isError { metadata["status"] = "error" }
        if let error = ended.error { metadata["error"] = .string(error) }
        ended.attributes.forEach { key, value in
            // Our own names need no prefix in our own log.
            let short = key.hasPrefix("chancery.") ? String(key.dropFirst(9)) : key
            metadata[metadata[short] == nil ? short : key] = .string(Self.text(value))
        }
        logger.info("span", metadata: metadata)
    }

    private static func text(_ value: SpanAttribute) -> String {
        switch value {
        case .string(let text): text
        case .int32(let number): String(number)
        case .int64(let number): String(number)
        case .double(let number): String(number)
        case .bool(let flag): String(flag)
        default: "\(value)"
        }
    }
}
