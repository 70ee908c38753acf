import ACME
import ArgumentParser
import Foundation
import Store

struct OrderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order", abstract: "List and show orders.",
        discussion: "  chanceryd order list --data ./ca\n  chanceryd order show ID --data ./ca",
        subcommands: [List.self, Show.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List orders, oldest first. The status is the stored one; `show` looks at the authorizations too.",
            discussion: "  chanceryd order list --data ./ca\n  chanceryd order list --data ./ca --account ID --json")
        @OptionGroup var place: DataOptions
        @Option(help: ArgumentHelp("Only those of this account.", valueName: "ID")) var account: String?
        @Option(help: "At most this many.") var limit: Int?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let account = try account.map { try recordID($0, of: "an account") }
            try await withStore(place) { store in
                try await printPages(["ID", "STATUS", "CREATED", "NAMES"], json: json, limit: limit) { last, count in
                    if let account { return try await store.orders(of: account, after: last?.id, limit: count) }
                    return try await store.orders(after: last?.id, limit: count)
                } row: { (order: StoredOrder) in
                    let cells = [order.id.text, order.status.rawValue, seconds(order.created), order.identifiers.brief]
                    return (cells, .object(order.facts(order.status, order.error).map { ($0.name, $0.value) }))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an order, its authorizations and what failed.", discussion: "  chanceryd order show ID --data ./ca")
        @OptionGroup var place: DataOptions
        @Argument(help: "The order's id, as in the list and at the end of its URL.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let id = try recordID(id, of: "an order")
            try await withStore(place) { store in
                guard let found = try await store.order(id) else { throw Failure(.notFound, "There is no order \(id.text).") }
                let now = Date()
                let facts = found.order.facts(found.status(at: now), found.problem)
                if json {
                    let authorizations = JSONText.array(found.authorizations.map { $0.json(at: now) })
                    say(JSONText.object(facts.map { ($0.name, $0.value) } + [("authorizations", authorizations)]).text)
                } else {
                    printFacts(facts, json: false)
                    var table = Table(["NAME", "STATUS", "CHALLENGES"])
                    for authorization in found.authorizations {
                        let challenges = authorization.challenges.map { challenge in
                            "\(challenge.type.rawValue) \(challenge.status.rawValue)\(challenge.error?.detail.map { ": \($0)" } ?? "")"
                        }
                        table.add([
                            authorization.name, authorization.status(at: now).rawValue, challenges.joined(separator: "; "),
                        ])
                    }
                    say(table.text)
                }
            }
        }
    }
}

extension StoredOrder {
    func facts(_ status: OrderStatus, _ problem: Problem?) -> [(label: String, name: String, value: JSONText)] {
        [
            ("Id", "id", .string(id.text)),
            ("Status", "status", .string(status.rawValue)),
            ("Names", "names", .array(identifiers.map { .string($0.value) })),
            ("Account", "account", .string(account.text)),
            ("Created", "created", .time(created)),
            ("Expires", "expires", .time(expires)),
            ("Certificate", "certificate", .optional(certificate?.text)),
            ("Error", "error", .optional(problem.map { $0.detail ?? $0.type })),
        ]
    }
}

extension StoredAuthorization {
    var name: String { (wildcard ? "*." : "") + identifier.value }

    func json(at now: Date) -> JSONText {
        .object([
            ("id", .string(id.text)), ("name", .string(name)), ("status", .string(status(at: now).rawValue)),
            ("expires", .time(expires)),
            (
                "challenges",
                .array(
                    challenges.map { challenge in
                        .object([
                            ("type", .string(challenge.type.rawValue)), ("status", .string(challenge.status.rawValue)),
                            ("attempts", .number(challenge.attempts)),
                            ("error", .optional(challenge.error.map { $0.detail ?? $0.type })),
                        ])
                    })
            ),
        ])
    }
}
