package import Tracing

/// Tracing, for whoever has set a tracer; see docs/design/tracing.md.
///
/// The tracer travels with the context of the span that was begun with it. Where no span was begun above, none is begun below: rooms call
/// `span` without knowing whether anybody traces, and pay one look at a task-local value when nobody does.
package enum Trace {
    /// Where the task is in its trace.
    private struct Position: Sendable {
        let tracer: any Tracer
        let span: any Span
    }
    private enum Key: InstrumentationContextKey {
        typealias Value = Position
        static var nameOverride: String? { "position" }
    }

    /// A span at the top, or below what was extracted from a request.
    package static func root<Value>(
        _ name: String, by tracer: any Tracer, below parent: InstrumentationContext, _ attributes: SpanAttributes,
        _ work: () async -> Value
    ) async -> Value {
        let span = tracer.startAnySpan(name, context: parent, ofKind: .server)
        defer { span.end() }
        span.attributes.merge(attributes)
        return await within(span, tracer, work)
    }

    /// A span below the one that the task is in; only the work itself where there is none.
    @inlinable
    package static func span<Value, Failure: Error>(
        _ name: @autoclosure () -> String, ofKind kind: SpanKind = .internal,
        _ attributes: @autoclosure () -> SpanAttributes = [:],
        _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard isUnderWay else { return try await work() }
        return try await below(name(), kind, attributes(), work)
    }

    /// Whether the task is within a span.
    package static var isUnderWay: Bool { InstrumentationContext.current?[Key.self] != nil }

    /// The part of `span` that is paid for only where somebody traces.
    package static func below<Value, Failure: Error>(
        _ name: String, _ kind: SpanKind, _ attributes: SpanAttributes, _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard let context = InstrumentationContext.current, let tracer = context[Key.self]?.tracer else {
            return try await work()
        }
        let span = tracer.startAnySpan(name, context: context, ofKind: kind)
        defer { span.end() }
        span.attributes.merge(attributes)
        let result: Result<Value, Failure> = await within(span, tracer) {
            do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
        }
        if case .failure(let error) = result {
            span.recordError(error)
            span.setStatus(.init(code: .error))
        }
        return try result.get()
    }

    /// Adds to the span that the task is in.
    package static func note(_ attributes: @autoclosure () -> SpanAttributes) {
        InstrumentationContext.current?[Key.self]?.span.attributes.merge(attributes())
    }

    /// The span that the task is in went wrong.
    package static func fail() { InstrumentationContext.current?[Key.self]?.span.setStatus(.init(code: .error)) }

    private static func within<Value>(_ span: any Span, _ tracer: any Tracer, _ work: () async -> Value) async -> Value {
        var context = span.context
        context[Key.self] = Position(tracer: tracer, span: span)
        return await InstrumentationContext.withValue(context) { await work() }
    }
}
