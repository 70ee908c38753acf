import ACME
import Testing

/// A throw-away key made by OpenSSL, with what Python's cryptography says of it.
struct ForeignKey: Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: SignatureAlgorithm
    let pem: String
    let thumbprint: String
    /// base64url, as is the signature, which is over `what is signed`.
    let subjectPublicKeyInfo: String
    let signature: String
    var testDescription: String { name }

    static let all: [ForeignKey] = [
        ForeignKey(
            name: "P-256, PKCS#8", algorithm: .es256,
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnLOCem3fxttghIT8
                L0Dax7SO3Bv/KhgvHGOkM40lQlKhRANCAARFGqW5qtPChlYQMuHXn+I6tjlNUxSN
                s+sLtf7CEsEgvSIThId2XMGkHK+5JYOWbfXoqivxPmL4kIVztEtdcx81
                -----END PRIVATE KEY-----

                """,
            thumbprint: "H2Ics6tz2ABHtOVupjPagLKEdm8z62fZyzA0IROk6rM",
            subjectPublicKeyInfo: """
                MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERRqluarTwoZWEDLh15_iOrY5TVMUjbPrC7X-whLBIL0iE4SHdlzBpByvuSWDlm31\
                6Kor8T5i-JCFc7RLXXMfNQ
                """,
            signature: """
                I4P76vLZSrD_gRCxR_kRhGip33-X1Dse9oIBOzNFfvnyvoHM40-jiteI_En7FD8wnv-ibfa_9rI4v03Nu5vgqw
                """),
        ForeignKey(
            name: "P-256, SEC 1 after its parameters", algorithm: .es256,
            pem: """
                -----BEGIN EC PARAMETERS-----
                BggqhkjOPQMBBw==
                -----END EC PARAMETERS-----
                -----BEGIN EC PRIVATE KEY-----
                MHcCAQEEILTP/XZT9lnJGl0a8aCqMkzPe/BwcPIb3w8RteYp/FXnoAoGCCqGSM49
                AwEHoUQDQgAEUwhbDdcaFG7YxVJx48zuacMLFf27STq+ryiHcuKM0QO1tqcMIDve
                OKMdNAJWSHtG/hUPcK8+n+GuMWaecuh+oQ==
                -----END EC PRIVATE KEY-----

                """,
            thumbprint: "s464cV-1vpoZg8a-RvaN3uwRTGcL4bqHrBn8llzStnU",
            subjectPublicKeyInfo: """
                MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUwhbDdcaFG7YxVJx48zuacMLFf27STq-ryiHcuKM0QO1tqcMIDveOKMdNAJWSHtG\
                _hUPcK8-n-GuMWaecuh-oQ
                """,
            signature: """
                c8KiAJcYuN3hMfToxrvp9IYU_Wc0Or3FuPngEzEjdrzsAD8KHCYwIZDEdHNYbaQhhe4VrOFHLOMdN3DM_FFkkg
                """),
        ForeignKey(
            name: "P-384, PKCS#8", algorithm: .es384,
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCliNnWxAhZOrLyEoDI
                QHL8ypW6G61dNSk8dT/C1XkUmWAGnD4MCcV2YFsATwhcMqKhZANiAARqatlLkFSR
                EmOICdH32rmP5+t6VOr89cBJzUojYgUprqJcRBN/9oWngNbrZzfoyf3dWniDdV1p
                ZQjjWZnQIbO7bHSq0DYAZsxWxL6OlPkyvpb7NPT8YaPClMIIotfGqYk=
                -----END PRIVATE KEY-----

                """,
            thumbprint: "mWvGEflYU1QekQpH1u_s_U9WWND_a0yTOuZXRaRKW0k",
            subjectPublicKeyInfo: """
                MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEamrZS5BUkRJjiAnR99q5j-frelTq_PXASc1KI2IFKa6iXEQTf_aFp4DW62c36Mn93Vp4\
                g3VdaWUI41mZ0CGzu2x0qtA2AGbMVsS-jpT5Mr6W-zT0_GGjwpTCCKLXxqmJ
                """,
            signature: """
                b3QTjdQwZMHLWBP7bZqxTpGoUZltirIEcY57RDIYe6jGeVkth7Ug24NTyn2ATunAd-hlokY19HD7Q2lWSvYfqOXVw5zcOe3oSHLk\
                j7EHnE0dUEOrD4w8gAYgQEF4ovwt
                """),
        ForeignKey(
            name: "P-521, PKCS#8", algorithm: .es512,
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBuQlrFmp9VeScGK76
                w/HGTuq0B/CUhkKIz3N8xfgKpWWOp+2wTQDd/4/YxeuDEnDh3F2zzptnmQkpYksC
                jAWDSMahgYkDgYYABAAjgMI1zH2c33S4Ypgt1wqp5wjh895N8NtricK/HPx1PKof
                UOg1NpbqoDqIB6tvhGEQYj2D+0kYE7hpuQfbRVVCRwFzst4TaTnJdRUpQvEkjyXt
                ImcQXhrJ2gtK2MVIbqzLSghUA6cFqNX3NRrKgRTsWtgabt8IAk7R0Rd59qsJQ5Mb
                vw==
                -----END PRIVATE KEY-----

                """,
            thumbprint: "2CtdI3q0b_QaruE2ePx7R5Jb88v8BmnvTdfmxWtMnK0",
            subjectPublicKeyInfo: """
                MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAI4DCNcx9nN90uGKYLdcKqecI4fPeTfDba4nCvxz8dTyqH1DoNTaW6qA6iAerb4Rh\
                EGI9g_tJGBO4abkH20VVQkcBc7LeE2k5yXUVKULxJI8l7SJnEF4aydoLStjFSG6sy0oIVAOnBajV9zUayoEU7FrYGm7fCAJO0dEX\
                efarCUOTG78
                """,
            signature: """
                AfrW4aAmInpPZgFcsPl4QbxG2-sQxkV1ISZd_pkd3uIza47rauEHgWcmI53oqkAFBbxP9FCxDVzbVMtgWHfcTU6dASLftb86YZLp\
                b7TMyfoHJW9FfewIsP-d3jCwbVkxVC4RHsNii8J2Nse_BNVHYylc1FX77Ilj_k5a1I_lv_BqEo_M
                """),
        ForeignKey(
            name: "RSA, PKCS#8", algorithm: .rs256,
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCk3zia8holKiue
                fVDIMi50Wa6SnIV1DLmXfYZjEHsL0S8BfT036+rgjFGAHUsIxyECUUgiJYEbH3Ux
                x5MIYkqnG2ZTYjZJvw6aZXYcsriXTb1J4wloQ6JX4ewbE3Aw5c+eca6xhHBVcpSB
                Tau6qS+jcL6HioviuTsI+rH2blQArMwwwpYWxJtja+w4+As8xt4LEM/97dDDssWY
                59350arAlliJQs58EKQ9ob22qvwFR7ZNKRukpIWs5bUgZ0XVRya1BcQc6Qt4L8jJ
                60jXY4EozQ+xJIFUUo9eJKW6782koVl63cdEcdpIqvF7sqfUaWimZyRaKYsOaq0m
                FyHTeoXFAgMBAAECggEAR3mcJRQbAIyhH1Ltf/S9TeSJOXcQpldPaBzbczv0VAGq
                MqeUMBefGhzKwlMwscv+A+6v6lm++D6xhFSkaeiOu5Y1zKVRqrPgxU+CHlveiX2C
                t7Ls454alaXUQUKyiwg9808OcFfdiTWkqs+8yK3LALyCZOlLzo0FylVAbHiVAzsz
                3qRtd+9j7ZhDACmkmMo0Gqcid5FhPdcC24QqVRnQnVQGRAJ1nypZWTsYY9muPnT4
                hYlMTRv8nUGjrnN/DgohUBgmR0bPEuYHfce121oMOpZSpjUU44FfWldFFnLRjvyV
                KxxBJdh1VAeF0gh6ef27shj1tgX1WOP9kx11hCIwGwKBgQDZAZyv6vF4D9NbGhUT
                gkLhm3YSdHr+i7KFKkqhPwfR8VDmDxC7b+UadFGegxDBUO4TZjQzux423apQLJZa
                tC73RJO6F2qmMWtbvfXM9eicLm1up9tMC68GRlx5/CH80I1zt5ZyhIcvP6HA/VPQ
                E97I8CmYSb8w4Tfvb2v8023rZwKBgQDCf2fj+neEQH8jeSyjoVnprXIHt87/6KAy
                24zYFvWaqdPArbhBsqyXDtskjwtSrO7AD1RdKnSsIyzqRkYDd1Tpl8NJkp5wJUm/
                94tBD2Jz8gU5p56piR15m0ZMsvOa/ioI5bL+kq3HTRfS3+x8m3mlgvlhYcBJM8b8
                Tt9dA0J18wKBgQCFmbR5qc+X90ZMZDZtmFjMxQVgP04pwJ/b1Dm2JDQQUN1ZhhTr
                EOyf6NUHHfIG0miAkP+6iY0EglwEmC7JEP2JRjMc8qW6Q9qw1LarxQm8fejpo3Yj
                z12mI1Nz1oKmP0+W2oRJZMZFlItlYZFkHZefZhx1oZGP6lihlJuLQDAAKQKBgHdQ
                BuBAhs63bgbJz8t1MJ37y2bWqAIupw9rxWPN+c5t/btGFjEfNWbZMy+jHHQUJ8Xj
                4YHhiH8MeQIiJ9L6gjll4uOgMNdk2HANn/xCPsgXoIL0w40G0vEFgsOMR4o9/nVE
                y2AFhNss/L9cpErwaVhSFz9Y4sdFHv0qOTVqyXtnAoGAMHvxmdnkyuDcWd8G+ZKE
                EJUcuNPynIX9JfhgTodIWXe0gK1Ef8B7wb8hXpWyZym0DAq5Q4mVQiGP/J2DyW8c
                s8J46jcv9rSQ6M5XD2OCoGR5VpeRlsU3wtdyQqslusrxmikO1EfDH8YX+Hqw3lze
                KIIWkWckldaLeTBapaJMpC0=
                -----END PRIVATE KEY-----

                """,
            thumbprint: "80bvRifjbLvOeNX1k-NnLaFu-cPxakTMcguj19AsF28",
            subjectPublicKeyInfo: """
                MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApN84mvIaJSornn1QyDIudFmukpyFdQy5l32GYxB7C9EvAX09N-vq4IxR\
                gB1LCMchAlFIIiWBGx91MceTCGJKpxtmU2I2Sb8OmmV2HLK4l029SeMJaEOiV-HsGxNwMOXPnnGusYRwVXKUgU2ruqkvo3C-h4qL\
                4rk7CPqx9m5UAKzMMMKWFsSbY2vsOPgLPMbeCxDP_e3Qw7LFmOfd-dGqwJZYiULOfBCkPaG9tqr8BUe2TSkbpKSFrOW1IGdF1Ucm\
                tQXEHOkLeC_IyetI12OBKM0PsSSBVFKPXiSluu_NpKFZet3HRHHaSKrxe7Kn1GlopmckWimLDmqtJhch03qFxQIDAQAB
                """,
            signature: """
                UvuQNQuw-Rh020rQoEy0y9_T39RI_0hZYSlCuwshuhwo9kGT74Qhw4INbKvnh1L8euOALFH-8lg8fC0T5iJObpGBivdmERk9upjy\
                qPB4JkAe-StIoLG0adS8JBwL_OkdeomiSIxz9f5j0j2LVX51txWBKSSpideaIgdqheNx577a5rKGBYVGD0Zh8zeOATJmYVQ-mEHx\
                2-nq92PzUlQIg-QCoezNNarrAUB9hcsj7Un9PUero6vLX0CD4y1UxfGj_U4AAtNMkONSkuBiqGCyoNBvNWx2O6WuAZBFT6RLWthg\
                13mJOYRlBNLSV7WbmY8EIF4s5g1htUUkvYF8bVMe7Q
                """),
        ForeignKey(
            name: "RSA, PKCS#1", algorithm: .rs256,
            pem: """
                -----BEGIN RSA PRIVATE KEY-----
                MIIEowIBAAKCAQEApN84mvIaJSornn1QyDIudFmukpyFdQy5l32GYxB7C9EvAX09
                N+vq4IxRgB1LCMchAlFIIiWBGx91MceTCGJKpxtmU2I2Sb8OmmV2HLK4l029SeMJ
                aEOiV+HsGxNwMOXPnnGusYRwVXKUgU2ruqkvo3C+h4qL4rk7CPqx9m5UAKzMMMKW
                FsSbY2vsOPgLPMbeCxDP/e3Qw7LFmOfd+dGqwJZYiULOfBCkPaG9tqr8BUe2TSkb
                pKSFrOW1IGdF1UcmtQXEHOkLeC/IyetI12OBKM0PsSSBVFKPXiSluu/NpKFZet3H
                RHHaSKrxe7Kn1GlopmckWimLDmqtJhch03qFxQIDAQABAoIBAEd5nCUUGwCMoR9S
                7X/0vU3kiTl3EKZXT2gc23M79FQBqjKnlDAXnxocysJTMLHL/gPur+pZvvg+sYRU
                pGnojruWNcylUaqz4MVPgh5b3ol9grey7OOeGpWl1EFCsosIPfNPDnBX3Yk1pKrP
                vMitywC8gmTpS86NBcpVQGx4lQM7M96kbXfvY+2YQwAppJjKNBqnIneRYT3XAtuE
                KlUZ0J1UBkQCdZ8qWVk7GGPZrj50+IWJTE0b/J1Bo65zfw4KIVAYJkdGzxLmB33H
                tdtaDDqWUqY1FOOBX1pXRRZy0Y78lSscQSXYdVQHhdIIenn9u7IY9bYF9Vjj/ZMd
                dYQiMBsCgYEA2QGcr+rxeA/TWxoVE4JC4Zt2EnR6/ouyhSpKoT8H0fFQ5g8Qu2/l
                GnRRnoMQwVDuE2Y0M7seNt2qUCyWWrQu90STuhdqpjFrW731zPXonC5tbqfbTAuv
                BkZcefwh/NCNc7eWcoSHLz+hwP1T0BPeyPApmEm/MOE3729r/NNt62cCgYEAwn9n
                4/p3hEB/I3kso6FZ6a1yB7fO/+igMtuM2Bb1mqnTwK24QbKslw7bJI8LUqzuwA9U
                XSp0rCMs6kZGA3dU6ZfDSZKecCVJv/eLQQ9ic/IFOaeeqYkdeZtGTLLzmv4qCOWy
                /pKtx00X0t/sfJt5pYL5YWHASTPG/E7fXQNCdfMCgYEAhZm0eanPl/dGTGQ2bZhY
                zMUFYD9OKcCf29Q5tiQ0EFDdWYYU6xDsn+jVBx3yBtJogJD/uomNBIJcBJguyRD9
                iUYzHPKlukPasNS2q8UJvH3o6aN2I89dpiNTc9aCpj9PltqESWTGRZSLZWGRZB2X
                n2YcdaGRj+pYoZSbi0AwACkCgYB3UAbgQIbOt24Gyc/LdTCd+8tm1qgCLqcPa8Vj
                zfnObf27RhYxHzVm2TMvoxx0FCfF4+GB4Yh/DHkCIifS+oI5ZeLjoDDXZNhwDZ/8
                Qj7IF6CC9MONBtLxBYLDjEeKPf51RMtgBYTbLPy/XKRK8GlYUhc/WOLHRR79Kjk1
                asl7ZwKBgDB78ZnZ5Mrg3FnfBvmShBCVHLjT8pyF/SX4YE6HSFl3tICtRH/Ae8G/
                IV6VsmcptAwKuUOJlUIhj/ydg8lvHLPCeOo3L/a0kOjOVw9jgqBkeVaXkZbFN8LX
                ckKrJbrK8ZopDtRHwx/GF/h6sN5c3iiCFpFnJJXWi3kwWqWiTKQt
                -----END RSA PRIVATE KEY-----

                """,
            thumbprint: "80bvRifjbLvOeNX1k-NnLaFu-cPxakTMcguj19AsF28",
            subjectPublicKeyInfo: """
                MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApN84mvIaJSornn1QyDIudFmukpyFdQy5l32GYxB7C9EvAX09N-vq4IxR\
                gB1LCMchAlFIIiWBGx91MceTCGJKpxtmU2I2Sb8OmmV2HLK4l029SeMJaEOiV-HsGxNwMOXPnnGusYRwVXKUgU2ruqkvo3C-h4qL\
                4rk7CPqx9m5UAKzMMMKWFsSbY2vsOPgLPMbeCxDP_e3Qw7LFmOfd-dGqwJZYiULOfBCkPaG9tqr8BUe2TSkbpKSFrOW1IGdF1Ucm\
                tQXEHOkLeC_IyetI12OBKM0PsSSBVFKPXiSluu_NpKFZet3HRHHaSKrxe7Kn1GlopmckWimLDmqtJhch03qFxQIDAQAB
                """,
            signature: """
                UvuQNQuw-Rh020rQoEy0y9_T39RI_0hZYSlCuwshuhwo9kGT74Qhw4INbKvnh1L8euOALFH-8lg8fC0T5iJObpGBivdmERk9upjy\
                qPB4JkAe-StIoLG0adS8JBwL_OkdeomiSIxz9f5j0j2LVX51txWBKSSpideaIgdqheNx577a5rKGBYVGD0Zh8zeOATJmYVQ-mEHx\
                2-nq92PzUlQIg-QCoezNNarrAUB9hcsj7Un9PUero6vLX0CD4y1UxfGj_U4AAtNMkONSkuBiqGCyoNBvNWx2O6WuAZBFT6RLWthg\
                13mJOYRlBNLSV7WbmY8EIF4s5g1htUUkvYF8bVMe7Q
                """),
        ForeignKey(
            name: "Ed25519, PKCS#8", algorithm: .edDSA,
            pem: """
                -----BEGIN PRIVATE KEY-----
                MC4CAQAwBQYDK2VwBCIEIK/f/UOwnEKchsOh1CfsRmood3//7My1y5kcU4Uy37JB
                -----END PRIVATE KEY-----

                """,
            thumbprint: "args9Rdlx-tBDXXWhQKSVsIjmzNCuA5iFbNX700QhkI",
            subjectPublicKeyInfo: """
                MCowBQYDK2VwAyEANIk2Z4Ko6Eaab02TUC3_gyTkRN1NLUJ-WvXbhVay8_w
                """,
            signature: """
                QxtYFz0cqveJotOuo9a1QeN8sP3vNLzqd94Vd8Be3_oT0XuY0bIOJqQSPFhjCiAsl8wdJ9asZnyE70qZwi1xDg
                """),
    ]
}

/// A key made by OpenSSL that is not taken.
struct RefusedKey: Sendable, CustomTestStringConvertible {
    let name: String
    let pem: String
    var testDescription: String { name }

    static let all: [RefusedKey] = [
        RefusedKey(
            name: "encrypted",
            pem: """
                -----BEGIN ENCRYPTED PRIVATE KEY-----
                MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiDnnLmcphuBwICCAAw
                DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDip5S4SJ6kbXXSHfiVC6UUEgZBk
                S6ZenHjitHLn5QVcIfQddkx5508M9jwJDS8KN2YhV9ViMEJKS4jb+UoAsmkqXXaQ
                jxsW/Yt5iqKS7DTYP8sTYo0LbALUTV3zqOLdgg/8Z+onF3LjLWH2HsjGVkBkn1tE
                W+rim4mz/ljZHE8pQYfXuBwqwt1fSm4ndjWaF3s3l4+++RJ56wM3HxzQgC2pWr0=
                -----END ENCRYPTED PRIVATE KEY-----
                """),
        RefusedKey(
            name: "RSA of 1024 bits",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOIjko9r15XwrY1P
                igxYgtWdG4IDQZwdcsoXN/EkwsGk4TeXj4nw3SAFB26qup8FFvVIlrkJltGxM68g
                w5AZy9Ahgp1H0M8Jfy4nybgLXfT2KuZTXBp5b0bBYQZKHC1cPVXwaveVd0PQzk7Z
                8TxhT/yTYezwE42SoCnBhINAbImhAgMBAAECgYEAmNzs/HAsuhmIZ8aFjdTjFBzw
                dFFZL3uklcFeOm7cC+Q1rcuQ5vDfuP5NSNy17DqXi1T3NbuqrLK5Oj/OkoEtiI0+
                gv0uljdwfHRhFGbrFNfI4jpz4CPY/QQsqpGOWIPA/jlXGTYezAlzclQNyVF7mcxh
                jNyxPqzgtIUoMMI3+XUCQQD38UEbXEG6F9eO3HE6zwzU2hTMVPINUPvtbdX1GY1w
                qvron21wKX4AhhPF4yxscPzbo4roLXwZZQFm8UOTlQjvAkEA6Xzs5tei3sMcEPJD
                zdPyF+Ly65rSdfJzUWgC8IIqNWElDNaFi24KL2bXcKDVBjgUuSbTKfOg7Yeul7iE
                B0j2bwJASpoNk/TrVdnsovCTJTW9T6IaleyNNBKE6sickvXQR/E6M5ocrJ3farrs
                4iLbb/mDK3cGyZs99socZOP9CD/UgwJACCmA0pUJMYZajdEaQ7C8Ds+1ND1GTC88
                jsT3DVdPiGwr8mXxZy1il8OdlmdY6w2807giu52zq3oJxW4C14paawJAZyjMEiKa
                KsK+chgcy69ZNFHDxL5IC9U4XkNTTaCF0kEVMBjC+QCWXwkUTiZVBADSkQgA2t3b
                ytkN3ubJUO7bAA==
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "secp256k1",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgpmu1JesYJPKE9CQ4XJSy
                SJrZaGO5LIO1Mcbfbnbx92yhRANCAAQgKkcv0bNFx7f9Mkc0vqzlHFypbVhZZwOR
                iiJorfSW0doUyikJK4kyGeCnE2TwHm5cfXefrGKjLhgTzjN4ah0m
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "Ed448",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MEcCAQAwBQYDK2VxBDsEObmonNCu4T+2drYW+lzZ500owH15fCSuk46tG72rJNrz
                Bh7dy0SU7+GLg3O5XT38aXGALPs1thVedg==
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "brainpoolP384r1",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIG6AgEAMBQGByqGSM49AgEGCSskAwMCCAEBCwSBnjCBmwIBAQQwAlYGYR9VyWGW
                6s5qGlRmC41ROrAMcbrReiLvzeab+P1AS8jYxPncuBsw9XYVCwSBoWQDYgAEbGNT
                Ml6Qsx/W/F6IL/JOwD95AWdCtxhLPbpHBIDciFaPXqViM9PbUpseHJnGHD6dAWL5
                vD6Krwj0gHg88mSImDOXuAK6JTYHpL28J7spsv1/HpZo0u59N0KM5/Br6kys
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "secp256k1, SEC 1",
            pem: """
                -----BEGIN EC PRIVATE KEY-----
                MHQCAQEEIKZrtSXrGCTyhPQkOFyUskia2WhjuSyDtTHG32528fdsoAcGBSuBBAAK
                oUQDQgAEICpHL9GzRce3/TJHNL6s5RxcqW1YWWcDkYoiaK30ltHaFMopCSuJMhng
                pxNk8B5uXH13n6xioy4YE84zeGodJg==
                -----END EC PRIVATE KEY-----
                """),
        RefusedKey(
            name: "X25519",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MC4CAQAwBQYDK2VuBCIEINB0vuEwkOa/PTSY6qVTVrwiLCx0WM62ViOwt7gaYvVP
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "P-256 with explicit parameters",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB
                AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA
                ///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV
                AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg
                9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A
                AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgNA50L5UhUopa
                g+D/YKyJMvbPEkSdPwqWYKUjfVPO/tShRANCAAQcONT1WFPCAQaivn9C0jwLQEVr
                QHM3uYQ2Xbg0SrXUj+Tn1ccf3y5dmamluQugswmDusVkhyU2cGbyDdPhAE12
                -----END PRIVATE KEY-----
                """),
        RefusedKey(
            name: "RSA-PSS",
            pem: """
                -----BEGIN PRIVATE KEY-----
                MIIEuwIBADALBgkqhkiG9w0BAQoEggSnMIIEowIBAAKCAQEAvUbTxxdTx3oDtf/e
                YGN5p9jo46Sq9hFVM1eMtIZzeUj6fOGUy11EaQvktmdMhG/q2Ec1ITXYRAEO5fuY
                EI83aYLKyX7NxqFgaN1kmt1NoI390ZI3KprVZRV/jONkIhpwE0xomHr6yP7LD+b0
                rJhrmOf+N5hklHIyTuXLoEMt8XZSm9zMU/hK2k+9yzu8lomSMwO2vG7FnNJd8n6m
                jNuP08gv3p/O3u2C23ijfSHN/Xkg9pAoMntSVGY95jygnleL66bYOMEqJBhAxHNq
                cJJtGqUPgfKJ5A1phK5EBeFxjv2q7cXndGLcoZzQKBIFhGJr2Q5r3+oCLxeeMJpq
                z23Y2QIDAQABAoIBAAh4xj7CRS8nv5XffLjXb8j+BrIch/fPeUu8832OCgoBV/YL
                rVqeRoZY8HtjxSZyKvKgwOV6ZAwEXxuwoFMKnsoqC9qrQnMaSVCQRKVA2m1hONCu
                4nZVkhxK5mSSnF2bANRNGasytln71SNvH/+/3iSf96TN45/Lh7bSOfdaCNFAOb/q
                ndToSiMOu7bEyJomCSkwQDGoUs6cVkfm6ZPSmhA7pTEGks/bJO8teBQA1s5L3yUP
                YpY4V/3Uhz9aO49jYWnYda6g1UOrzHPyDdB49ySitPgNCvVoWz7/8mVekIUAAsVQ
                13wHt+ZbTdkuPkEpnG83/qWCGFWQdtzVwuMxKU0CgYEA6S2DTL2Q9uTWe405nCeM
                7kfmPkLwkfa0DPTxUFBtkTWdN/Q4JXw/0UEdgiNEyLzQbeTVWQlpgBeMV0PCcyRQ
                kAeylXGi4stXoLB02Iv1ZpFf9iW5NM2GpD3UMu2RAFVRIdtWD/mfxTULP/5WgIuG
                8h9MI5K6ZEta9wmEbivwEl0CgYEAz81Ut03sFAg/n08k+QForrh5cahsDnxDX3YM
                qP0nnXjalY27zUlkDMh3ScTrMDjqYIHHwZ6j3a5uDUWSxjOFV0VbThx0wwLWDqlI
                HQQHXqenW8T1VVhspTVCI6gHYz41oA2G16BBBLKZkMizGVR8yQ7OueLVGl+3SsVN
                0lnAMK0CgYACn0lntoYH0MD8uLTaJbO3BkX3k0cjTRPvRV3lWlIxHNo8w9lRypjp
                IINVcFIYs87gPX+Mtcdi8mDYpmFsbA8f34ZJmfKL/F9q5jEaMlC7K41Ztkjj6B/I
                fw2A2R0VVOBJsi7AlT0Pua37tT+ByI/m7yUrDT5dXF+UgZ3ko0fa3QKBgQCJLGQl
                9NxIhQFqqpYfgdyWqdQRQTrDfSgEVisZSrPh8atpWfyFEVNoVNTZ75HJbWjaeBFj
                MNO/PKwNOsYe7FezOmeBcqtpJ/AiEYE3Fje/NjD2FVhWFF7z1+pnGz51NtWzZ/qB
                UJpa/YL93l7L88fD+XBhqOk/1btrMj+jAfgqqQKBgGN4mKY4FpDIX2P/nqUbl17A
                GAE2BoBbWHQ7YUYfJroqQpkkNBftr41BRXVJNkNrwBpSOinh4PAP5qB5PL9GRK7z
                1/cEU8BnRkh1Ph9jsvUIm/XP7hq39l5BfzK+p8A0oXnxNnTDRFXMr2GxTGR94SXW
                PWjQkC+Z8kGKCZr7+tnT
                -----END PRIVATE KEY-----
                """),
    ]
}
