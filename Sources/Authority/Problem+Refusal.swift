package import ACME

extension Problem {
    /// RFC 8555 section 6.7: type and status of every refusal. No `default`: a new refusal must be answered here to compile.
    package init(_ refusal: Refusal) {
        switch refusal {
        case .accountDoesNotExist:
            self.init(.accountDoesNotExist, 400, "No account has this key or URL.")
        case .accountDeactivated:
            self.init(.unauthorized, 401, "The account is deactivated; there is no way back. A new account needs a new key.")
        case .termsNotAgreed(let terms):
            self.init(
                .userActionRequired, 403,
                "Read the terms of service and agree with termsOfServiceAgreed: true. They are at \(terms)")
            instance = terms
        case .termsChanged(let terms, _):
            self.init(
                .userActionRequired, 403,
                "The terms of service have changed; they are at \(terms). A person must agree to them; then the same request works."
            )
        case .unsupportedContact(let why): self.init(.unsupportedContact, 400, why)
        case .invalidContact(let why): self.init(.invalidContact, 400, why)
        case .badPublicKey(let why): self.init(.badPublicKey, 400, why)
        case .keyInUse: self.init(.malformed, 409, "An account has or had this key already; its URL is in Location.")
        case .malformed(let why): self.init(.malformed, 400, why)
        case .identifiers(let faults): self.init(faults)
        case .notYours: self.init(.unauthorized, 403, "Nothing of this account has this URL.")
        case .orderNotReady(let status):
            self.init(.orderNotReady, 403, "The order is \(status.rawValue); only a ready order can be finalized.")
        case .badCSR(let why): self.init(.badCSR, 400, why)
        case .notYoursToReplace:
            self.init(
                .unauthorized, 403, "The certificate in replaces is not this account's. Leave replaces out, or use its account.")
        case .alreadyReplaced:
            self.init(.alreadyReplaced, 409, "Another order replaces this certificate already. Leave replaces out.")
        case .wrongState(let why): self.init(.malformed, 400, why)
        case .unknownCertificate: self.init(.malformed, 404, "This authority has not issued this certificate.")
        case .mayNotRevoke:
            self.init(
                .unauthorized, 403,
                "A certificate is revoked by the account that ordered it, by its own key, or by an account with valid authorizations for all its names."
            )
        case .badRevocationReason(let reason):
            self.init(.badRevocationReason, 400, "Reason \(reason) is not accepted here; accepted are 0, 1, 3, 4, 5, or none.")
        case .alreadyRevoked: self.init(.alreadyRevoked, 400, "The certificate is revoked already.")
        case .unavailable(let seconds): self.init(.serverInternal, 503, "Please try again in \(seconds) s.")
        case .broken: self.init(.serverInternal, 500, "The authority failed; its operator finds the cause in the log.")
        }
    }

    /// A single fault speaks for itself; several become subproblems (RFC 8555 section 6.7.1).
    private init(_ faults: [IdentifierFault]) {
        let each = faults.map { fault in
            let (type, status) = fault.kind.answer
            return Problem(type, status, fault.reason, identifier: fault.identifier)
        }
        if let only = faults.first, faults.count == 1 {
            let (type, status) = only.kind.answer
            self.init(type, status, "\(only.identifier.value.prefix(300)): \(only.reason)")
            return
        }
        let kinds = Set(faults.map(\.kind))
        let type = kinds.count == 1 ? faults.first?.kind.answer.type ?? .malformed : .compound
        let status = faults.map(\.kind.answer.status).max() ?? 400
        self.init(type, status, "\(faults.count) of the identifiers cannot be had.", subproblems: each)
    }
}

extension IdentifierFault.Kind {
    fileprivate var answer: (type: ErrorType, status: Int) {
        switch self {
        case .malformed: (.malformed, 400)
        case .unsupported: (.unsupportedIdentifier, 400)
        case .rejected: (.rejectedIdentifier, 403)
        }
    }
}
