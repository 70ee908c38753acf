// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let crypto: [Target.Dependency] = [
    .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "CryptoExtras", package: "swift-crypto"),
]
let x509: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}
func command(_ name: String, _ dependencies: [Target.Dependency], linkedBy settings: [LinkerSetting] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict, linkerSettings: settings)
}
func suite(_ name: String, _ dependencies: [Target.Dependency], leavingOut excluded: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: excluded, swiftSettings: strict)
}

/// The server's release build holds Swift's libraries instead of loading them, and allocates by jemalloc; what that
/// gains is measured in docs/design/cost-of-an-order.md. Written out here, since `--static-swift-stdlib` would compile every package anew.
let embedded: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-stdlib", "-Xlinker", "--start-group"]
            + [
                "Foundation", "FoundationEssentials", "FoundationInternationalization", "CoreFoundation", "_FoundationICU",
                "_FoundationCShims", "_FoundationCollections", "swiftSynchronization", "swiftObservation", "BlocksRuntime",
                "dispatch",
                "stdc++", "z",
            ].map { "-l" + $0 } + ["-Xlinker", "--end-group"],
        .when(platforms: [.linux], configuration: .release)),
    .linkedLibrary("jemalloc", .when(platforms: [.linux], configuration: .release)),
]

let package = Package(
    name: "chancery",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "chanceryd", targets: ["chanceryd"]),
        .executable(name: "chancery", targets: ["chancery"]),
        .library(name: "ACME", targets: ["ACME"]),
        .library(name: "ACMEClient", targets: ["ACMEClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    ],
    targets: [
        .systemLibrary(name: "CUnbound", providers: [.apt(["libunbound-dev"])]),
        .systemLibrary(name: "CIdn2", providers: [.apt(["libidn2-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", providers: [.apt(["libpq-dev"])]),

        room("Faults", []),
        room("Measures", [tracing]),
        room("ACME", crypto + ["CIdn2"]),
        room("PKIX", crypto + x509 + ["COpenSSL"]),
        room("DNS", ["CUnbound"]),
        room("Validation", crypto + x509 + nio + ["ACME", "PKIX", "DNS", "COpenSSL"]),
        room(
            "Store",
            [
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"), logging,
                "ACME", "Measures", "Faults", "CPostgres",
            ]),
        room("Signing", crypto + x509 + ["PKIX"]),
        room(
            "Authority",
            crypto + [logging, lifecycle, tracing, "Faults", "Measures", "ACME", "PKIX", "Store", "Signing", "Validation"]),
        room(
            "Web",
            crypto + nio + [logging, lifecycle, tracing, "Measures", "ACME", "PKIX", "DNS", "Validation", "Store", "Authority"]),
        command(
            "chanceryd",
            crypto + nio + [
                .product(name: "Yams", package: "Yams"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                arguments, logging, lifecycle, tracing,
                "Faults", "Measures", "ACME", "PKIX", "DNS", "Validation", "Store", "Signing", "Authority", "Web",
            ], linkedBy: embedded),

        room(
            "ACMEClient",
            crypto + nio + [.product(name: "AsyncHTTPClient", package: "async-http-client"), "ACME"]),
        room("Agent", crypto + x509 + nio + ["ACME", "PKIX", "DNS", "ACMEClient"]),
        command("chancery", [arguments, "ACME", "ACMEClient", "Agent"]),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        suite("FaultsTests", ["Faults", "TestSupport"]),
        suite(
            "MeasuresTests",
            ["Measures", "TestSupport", .product(name: "InMemoryTracing", package: "swift-distributed-tracing"), tracing]),
        suite("ACMETests", crypto + ["ACME", "TestSupport"]),
        suite("PKIXTests", crypto + x509 + ["PKIX", "TestSupport"]),
        suite("DNSTests", ["DNS", "TestSupport"]),
        suite("ValidationTests", crypto + x509 + nio + ["Validation", "ACME", "DNS", "PKIX", "TestSupport"]),
        suite("StoreTests", ["Store", "Measures", "ACME", "TestSupport", .product(name: "GRDB", package: "GRDB.swift")]),
        suite("SigningTests", crypto + ["Signing", "PKIX", "TestSupport"]),
        suite(
            "AuthorityTests",
            crypto + x509 + [
                logging, "Authority", "Measures", "ACME", "PKIX", "Store", "Signing", "Validation", "DNS", "TestSupport",
            ]),
        suite(
            "WebTests",
            crypto + nio + [
                "DNS",
                logging, lifecycle, tracing, .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                "Web", "Authority", "Measures", "ACME", "PKIX", "Store", "Signing", "Validation", "TestSupport",
            ]),
        suite(
            "ChancerydTests",
            [arguments, logging, tracing, "chanceryd", "ACME", "Authority", "PKIX", "Signing", "Store", "TestSupport"]),
        suite("ACMEClientTests", crypto + nio + ["ACMEClient", "ACME", "TestSupport"]),
        suite("AgentTests", crypto + nio + ["Agent", "ACMEClient", "ACME", "PKIX", "DNS", "TestSupport"]),
        suite("ChanceryTests", [arguments, "chancery", "ACME", "ACMEClient", "Agent", "TestSupport"]),
        suite("EndToEndTests", ["ACME", "ACMEClient", "PKIX", "TestSupport"], leavingOut: ["Scripts"]),
    ],
    swiftLanguageModes: [.v6]
)
