import ACME
import Authority
import Store
import Testing

struct RefusalTests {
    static let table: [(Refusal, ErrorType, Int)] = [
        (.accountDoesNotExist, .accountDoesNotExist, 400), (.accountDeactivated, .unauthorized, 401),
        (.termsNotAgreed(terms: "https://ca.test/terms"), .userActionRequired, 403),
        (.termsChanged(terms: "https://ca.test/terms", account: .first), .userActionRequired, 403),
        (.unsupportedContact("x"), .unsupportedContact, 400),
        (.invalidContact("x"), .invalidContact, 400), (.badPublicKey("x"), .badPublicKey, 400),
        (.keyInUse(by: .first), .malformed, 409),
        (.malformed("x"), .malformed, 400), (.notYours, .unauthorized, 403), (.orderNotReady(.pending), .orderNotReady, 403),
        (.badCSR("x"), .badCSR, 400), (.wrongState("x"), .malformed, 400), (.unknownCertificate, .malformed, 404),
        (.mayNotRevoke, .unauthorized, 403), (.badRevocationReason(2), .badRevocationReason, 400),
        (.alreadyRevoked, .alreadyRevoked, 400),
        (.unavailable(retryAfter: 5), .serverInternal, 503), (.broken, .serverInternal, 500),
        (.identifiers([IdentifierFault(.dns("a_b"), .malformed, "x")]), .malformed, 400),
        (.identifiers([IdentifierFault(.dns("a"), .rejected, "x")]), .rejectedIdentifier, 403),
        (.identifiers([IdentifierFault(Identifier(type: "ip", value: "::1"), .unsupported, "x")]), .unsupportedIdentifier, 400),
    ]
    @Test(arguments: table) func `a refusal has the type and status of specs 4.1`(refusal: Refusal, type: ErrorType, status: Int)
    {
        let problem = Problem(refusal)
        #expect(problem.errorType == type)
        #expect(problem.status == status)
        #expect(problem.detail?.isEmpty == false)
        #expect(problem.identifier == nil)
    }

    @Test func `S-6.7.1-1 several bad identifiers become subproblems that name them`() {
        let faults = [IdentifierFault(.dns("a_b"), .malformed, "x"), IdentifierFault(.dns("b_b"), .malformed, "y")]
        let problem = Problem(Refusal.identifiers(faults))
        #expect(problem.errorType == .malformed)
        #expect(problem.subproblems?.compactMap(\.identifier) == [.dns("a_b"), .dns("b_b")])
        #expect(problem.identifier == nil)
        let mixed = Problem(Refusal.identifiers(faults + [IdentifierFault(.dns("c"), .rejected, "z")]))
        #expect(mixed.errorType == .compound)
        #expect(mixed.status == 403)
    }

    @Test func `waiting is advised only where it helps`() {
        #expect(Refusal.unavailable(retryAfter: 7).retryAfter == 7)
        #expect(Refusal.broken.retryAfter == 60)
        #expect(Refusal.notYours.retryAfter == nil)
    }
}
