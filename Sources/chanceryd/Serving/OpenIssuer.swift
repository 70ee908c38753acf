import ACME
import Authority
import Foundation
import PKIX
import Signing

/// The intermediate with its key, as the files of a data folder give it.
/// - Throws: `.keyFile` when the files do not belong together; what the passphrase's place and the key file say.
func openIssuer(_ folder: DataFolder, _ settings: Settings, environment: [String: String]) throws(Failure) -> Issuer {
    let certificates = [try readCertificate(folder.intermediate), try readCertificate(folder.root)]
    let signer: any Signer
    do throws(SigningError) {
        let passphrase = try PassphraseSource(settings, folder, environment).passphrase(environment: environment)
        let key = try KeyFileSigner(path: folder.intermediateKey, passphrase: passphrase)
        #if DEBUG
            signer = WitnessedSigner.around(key, environment)
        #else
            signer = key
        #endif
    } catch {
        throw Failure(error)
    }
    var issuer: Issuer
    do throws(Issuer.Mismatch) { issuer = try Issuer(signer: signer, certificates: certificates) } catch {
        let what =
            switch error {
            case .keyIsNotTheCertificates: "\(folder.intermediateKey) is not the key of \(folder.intermediate)"
            case .chainIsBroken: "\(folder.intermediate) is not signed by \(folder.root)"
            case .notAnIssuer(let reason): "\(folder.intermediate) is no issuer (\(reason))"
            }
        throw Failure(.keyFile, "\(what); put back files that belong together.")
    }
    issuer.alternates = try alternateChains(folder, issuer: certificates[0], root: certificates[1])
    return issuer
}

/// The files of `DIR/chains`: `N….pem` with N from 1 to 9, which their URLs bear. Hidden files are passed over.
/// - Throws: `.keyFile`, naming the file and what is wrong with it.
func alternateChains(_ folder: DataFolder, issuer: Certificate509, root: Certificate509) throws(Failure) -> [Int: AlternateChain]
{
    guard exists(folder.chains) else { return [:] }
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: folder.chains) } catch {
        throw Failure(.keyFile, "\(folder.chains) cannot be listed; make it a folder that chanceryd may read, or remove it.")
    }
    var chains: [Int: AlternateChain] = [:]
    for name in names.sorted() where !name.hasPrefix(".") {
        let path = "\(folder.chains)/\(name)"
        guard let digit = name.utf8.first, (0x31...0x39).contains(digit), name.hasSuffix(".pem") else {
            throw Failure(
                .keyFile, "\(path.printable()): name it N.pem or N-….pem with N from 1 to 9, or take it out of this folder.")
        }
        guard chains[Int(digit) - 0x30] == nil else {
            throw Failure(.keyFile, "\(path.printable()) begins with the number of another file; give it one of its own.")
        }
        let certificates = try readCertificates(path)
        do throws(AlternateChain.Unfit) {
            chains[Int(digit) - 0x30] = try AlternateChain(certificates, issuer: issuer, root: root)
        } catch {
            throw Failure(
                .keyFile, "\(path.printable()): the chain \(error.reason); correct the file, or take it out of this folder.")
        }
    }
    return chains
}
