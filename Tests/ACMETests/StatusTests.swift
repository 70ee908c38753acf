import ACME
import Testing

/// Section 7.1.6 of RFC 8555 whole: each pair of status and event; what the tables leave out is refused.
struct StatusTests {
    @Test(arguments: AccountStatus.allCases, AccountStatus.Event.allCases)
    func `S-7.1.6-5 an account moves along the RFC's arrows and no others`(from: AccountStatus, on event: AccountStatus.Event) {
        let arrows: [AccountStatus: [AccountStatus.Event: AccountStatus]] = [
            .valid: [.deactivated: .deactivated, .revoked: .revoked]
        ]
        #expect((try? from.after(event)) == arrows[from]?[event])
    }

    @Test(arguments: OrderStatus.allCases, OrderStatus.Event.allCases)
    func `S-7.1.6-4 an order moves along the RFC's arrows and no others`(from: OrderStatus, on event: OrderStatus.Event) {
        let arrows: [OrderStatus: [OrderStatus.Event: OrderStatus]] = [
            .pending: [.authorized: .ready, .authorizationLost: .invalid, .accountDeactivated: .invalid, .expired: .invalid],
            .ready: [
                .finalizeRefused: .ready, .finalized: .processing, .authorizationLost: .invalid, .accountDeactivated: .invalid,
                .expired: .invalid,
            ],
            .processing: [.issued: .valid, .issuanceFailed: .invalid],
        ]
        #expect((try? from.after(event)) == arrows[from]?[event])
    }

    @Test(arguments: AuthorizationStatus.allCases, AuthorizationStatus.Event.allCases)
    func `S-7.1.6-3 an authorization moves along the RFC's arrows and no others`(
        from: AuthorizationStatus, on event: AuthorizationStatus.Event
    ) {
        let arrows: [AuthorizationStatus: [AuthorizationStatus.Event: AuthorizationStatus]] = [
            .pending: [.proved: .valid, .failed: .invalid, .expired: .expired, .deactivated: .deactivated, .revoked: .revoked],
            .valid: [.expired: .expired, .deactivated: .deactivated, .revoked: .revoked],
        ]
        #expect((try? from.after(event)) == arrows[from]?[event])
    }

    @Test(arguments: ChallengeStatus.allCases, ChallengeStatus.Event.allCases)
    func `S-7.1.6-1 a challenge moves along the RFC's arrows and no others`(
        from: ChallengeStatus, on event: ChallengeStatus.Event
    ) {
        let arrows: [ChallengeStatus: [ChallengeStatus.Event: ChallengeStatus]] = [
            .pending: [.answered: .processing],
            .processing: [.answered: .processing, .attemptFailed: .processing, .proved: .valid, .failed: .invalid],
        ]
        #expect((try? from.after(event)) == arrows[from]?[event])
    }

    @Test func `an arrow that is not drawn names itself`() {
        let error = #expect(throws: IllegalTransition.self) { try OrderStatus.valid.after(.expired) }
        #expect(error?.from == "valid")
        #expect(error?.event == "expired")
    }
}
