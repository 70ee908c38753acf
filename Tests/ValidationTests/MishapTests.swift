import Foundation
import NIOCore
import Testing

@testable import Validation

struct MishapTests {
    @Test(arguments: [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL])
    func `a lack of something here is not taken for the target's silence`(code: Int32) {
        guard case .short = Mishap(whileConnecting: IOError(errnoCode: code, reason: "connect")) else {
            Issue.record("\(Mishap(whileConnecting: IOError(errnoCode: code, reason: "connect")))")
            return
        }
    }

    @Test(arguments: [ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT])
    func `a target that cannot be reached is unreachable`(code: Int32) {
        guard case .unreachable = Mishap(whileConnecting: IOError(errnoCode: code, reason: "connect")) else {
            Issue.record("\(Mishap(whileConnecting: IOError(errnoCode: code, reason: "connect")))")
            return
        }
    }
}
