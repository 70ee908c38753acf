import ACME
import ArgumentParser
import Foundation
import Store

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "List, show and deactivate accounts.",
        discussion: """
              chanceryd account list --data ./ca
              chanceryd account show ID --data ./ca
              chanceryd account deactivate ID --data ./ca
            """,
        subcommands: [List.self, Show.self, Deactivate.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List accounts, oldest first.", discussion: "  chanceryd account list --data ./ca --json")
        @OptionGroup var place: DataOptions
        @Option(help: "At most this many.") var limit: Int?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            try await withStore(place) { store in
                try await printPages(["ID", "STATUS", "CREATED", "CONTACTS"], json: json, limit: limit) {
                    try await store.accounts(after: $0?.id, limit: $1)
                } row: { account in
                    let cells = [
                        account.id.text, account.status.rawValue, seconds(account.created),
                        account.contacts.joined(separator: ", "),
                    ]
                    return (cells, .object(account.facts.map { ($0.name, $0.value) }))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an account.", discussion: "  chanceryd account show ID --data ./ca")
        @OptionGroup var place: DataOptions
        @Argument(help: "The account's id, as in the list and at the end of its URL.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let id = try recordID(id, of: "an account")
            try await withStore(place) { store in
                guard let account = try await store.account(id) else {
                    throw Failure(.notFound, "There is no account \(id.text).")
                }
                printFacts(account.facts, json: json)
            }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close an account for good, with its pending orders. Its certificates stay valid.",
            discussion: "  chanceryd account deactivate ID --data ./ca")
        @OptionGroup var place: DataOptions
        @Argument(help: "The account's id.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let id = try recordID(id, of: "an account")
            try await withStore(place) { store in
                guard let before = try await store.account(id) else {
                    throw Failure(.notFound, "There is no account \(id.text).")
                }
                guard before.status == .valid else {
                    throw Failure(.unchanged, "The account is \(before.status.rawValue) already.")
                }
                // RFC 8555 section 7.1.6: `revoked` is what the server did, `deactivated` what the client asked for.
                let account = try await store.deactivateAccount(id, as: .revoked)
                if json { printFacts(account.facts, json: true) } else { say("Closed account \(id.text).") }
            }
        }
    }
}

extension StoredAccount {
    var facts: [(label: String, name: String, value: JSONText)] {
        [
            ("Id", "id", .string(id.text)),
            ("Status", "status", .string(status.rawValue)),
            ("Contacts", "contacts", .array(contacts.map { .string($0) })),
            ("Terms agreed", "agreedTerms", .optional(agreedTerms)),
            ("Created", "created", .time(created)),
            ("Key thumbprint", "thumbprint", .string(key.thumbprint)),
        ]
    }
}
