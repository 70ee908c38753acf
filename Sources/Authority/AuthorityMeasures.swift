internal import ACME
package import Measures
internal import PKIX
internal import Signing
internal import Tracing
internal import Validation

/// What the authority counts of its own work, since it was made.
final class AuthorityMeasures: Sendable {
    let attempts = CounterTable<ChallengeType, ValidationResult>()
    let attemptTime = HistogramFamily<ChallengeType>()
    let verdicts = CounterTable<ChallengeType, ValidationResult>()
    let issuances = CounterFamily<IssuanceResult>()
    let issuanceTime = Histogram()
    let signatures = CounterTable<SignaturePurpose, SignatureResult>()
    let signatureTime = HistogramFamily<SignaturePurpose>()

    var readings: [Reading] {
        [
            Reading(
                "chancery_validations_total", .counter,
                "Challenges decided, by what they ended with: valid, or the last query's problem.",
                verdicts.samples("type", "result", everything: true)),
            Reading(
                "chancery_validation_attempts_total", .counter, "Queries of challenges' targets; a challenge may need several.",
                attempts.samples("type", "result", everything: true)),
            Reading("chancery_validation_attempt_seconds", .histogram, "Time of one query.", attemptTime.samples("type")),
            Reading(
                "chancery_issuances_total", .counter,
                "Certificates issued, issuances that failed (and may be tried again), and those given up.",
                issuances.samples("result")),
            Reading(
                "chancery_issuance_seconds", "Time from an accepted finalize request until the certificate was on record.",
                issuanceTime),
            Reading(
                "chancery_signatures_total", .counter, "Signatures asked of the issuer's key.",
                signatures.samples("purpose", "result", everything: true)),
            Reading("chancery_signature_seconds", .histogram, "Time of one signature.", signatureTime.samples("purpose")),
        ]
    }
}

extension CertificateAuthority {
    package var readings: [Reading] {
        measures.readings + [
            Reading(
                "chancery_nonces_refused_total", .counter, "Nonces of requests that were not taken, by reason.",
                nonces.refusals.samples("reason"))
        ]
    }
}

/// What a query of a challenge's target, or the challenge, ended with.
enum ValidationResult: String, LabelValue {
    case valid, connection, dns, tls, unauthorized, incorrectResponse, caa, serverInternal, other

    init(_ result: Result<Evidence, Problem>) {
        switch result {
        case .success: self = .valid
        case .failure(let problem): self = problem.errorType.flatMap { Self(rawValue: $0.rawValue) } ?? .other
        }
    }
}

enum IssuanceResult: String, LabelValue { case issued, failed, voided }
enum SignaturePurpose: String, LabelValue { case certificate, revocationList = "revocation-list" }
enum SignatureResult: String, LabelValue { case made, failed }

extension ChallengeType: LabelValue {}

extension Shop {
    /// By the issuer's key.
    func sign(_ bytes: [UInt8], for purpose: SignaturePurpose) async throws(SigningError) -> [UInt8] {
        let began = ContinuousClock.now
        do throws(SigningError) {
            let signature = try await Trace.span("sign " + purpose.text) { () async throws(SigningError) in
                try await issuer.signer.sign(bytes)
            }
            measures.signatures.add(purpose, .made)
            measures.signatureTime[purpose].observe(began.duration(to: .now))
            return signature
        } catch {
            measures.signatures.add(purpose, .failed)
            throw error
        }
    }
}
