package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// checklist is what keeps strangers, floods and mistakes outside, and for every
// rule the tests that go red when it is taken away: "folder:Test".
var checklist = []struct {
	topic, rule string
	tests       []string
}{
	{"open relay", "a Route that this edge has not given out is never followed, alone, behind ours or among several",
		[]string{"integration:TestForeignRoutesAreRefused", "integration/ladder:TestRefused", "integration/ladder:TestOwnRouteIsAccepted"}},
	{"open relay", "destinations come from configuration: no 3xx Contact, Refer-To, maddr or foreign Request-URI is followed",
		[]string{"integration/ladder:TestNeverRelayed", "integration/ladder:TestInfoReferNotifyOptions", "sipedge/message:TestViaTarget", "integration/ladder:TestForgedAndMutated"}},
	{"in-dialog forgery", "a To tag is no pass: a token of this dialog, from its side, to its side, and to a port where SIP lives",
		[]string{"integration/ladder:TestForgedAndMutated", "sipedge/message/token:TestATokenBelongsToItsDialog", "sipedge/message/token:TestNoChangedTokenOpens", "sipedge/message/token:FuzzToken"}},
	{"in-dialog forgery", "a stray response without our branch is dropped, never reflected",
		[]string{"integration/ladder:TestStrayResponses"}},
	{"header smuggling", "internal and identity headers are stripped in every case, compact form, blank and fold",
		[]string{"sipedge/message:TestStrippedHeadersAreGoneInEverySpelling", "sipedge/message:TestHeaderSet", "integration/ladder:TestHeadersAtTheBorder", "integration/ladder:TestProviderHeadersInsideTheDialog", "sipedge/message:FuzzRewrite"}},
	{"request smuggling", "two lengths, short bodies, bare CR or LF, singletons twice: 400, and a stream is closed",
		[]string{"sipedge/transport/gate:TestDatagram", "sipedge/transport/gate:TestTorture", "sipedge/transport:TestTCPBrokenFramingIsAnsweredAndClosed", "sipedge/transport/frame:TestFatalIsForEver", "integration/torture:TestTorture"}},
	{"caller identity", "identity headers pass from trunks trusted for them only, never towards untrusted ones, and Identity byte for byte",
		[]string{"integration/ladder:TestHeadersAtTheBorder", "sipedge/profile:TestHeadersAtTheBorder", "integration/ladder:TestProviderIdentityIsByteExact"}},
	{"source authentication", "address, port, listener and certificate of the packet decide, never Via or a header",
		[]string{"integration/ladder:TestStrangersGetSilence", "integration:TestTLSTrunk", "sipedge/transport:TestTLSNamesDecideStanding", "integration/conformance:TestConformance"}},
	{"source authentication", "a certificate proves the domains that RFC 5922 reads in it: no wildcard, no user, no common name beside other names",
		[]string{"sipedge/transport:TestWhatACertificateProves", "configs:TestMistakes"}},
	{"reflection", "what proves nothing is answered to one address so often and no more, and good calls from there are none the worse",
		[]string{"integration/ladder:TestBrokenFloodIsAnsweredForAWhile", "integration/ladder:TestNobodyInParticularIsAnsweredForAWhile", "ratelimit:TestSourcesHaveTheirOwnRate", "ratelimit:TestSourcesAreBounded"}},
	{"reflection", "strangers hear nothing, answers go to the packet's source, and refusals keep no state and are not repeated",
		[]string{"integration:TestStrangersHearNothing", "sipedge/transport:TestUDPStrangersAndNoiseGetSilence", "integration/ladder:TestTrunkLimit", "integration/ladder:TestOverload"}},
	{"loops", "Max-Forwards, Max-Breadth, a loop hash over what decides the way, spirals allowed, merged copies refused",
		[]string{"integration/ladder:TestLoop", "integration/ladder:TestSpiral", "integration/ladder:TestMaxBreadth", "integration/ladder:TestMergedRequest", "integration/ladder:TestMergedAmongSeveral", "sipedge/message:TestLoopKeyTellsLoopFromSpiral"}},
	{"digest", "nonces belong to a source, expire and are counted; MD5 and SHA-256",
		[]string{"sipedge/challenge:TestNoncesAreBoundAndCounted", "sipedge/challenge:TestRightPasswordPasses", "sipedge/challenge:TestWhatDoesNotPass", "integration/ladder:TestDigestTrunk"}},
	{"digest", "unknown users look like wrong passwords, failures lead to pauses, forged sources lock nobody out, memory is bounded",
		[]string{"sipedge/challenge:TestUnknownUsersLookLikeOthers", "sipedge/challenge:TestBackOff", "sipedge/challenge:TestForgedSourcesLockNobodyOut", "sipedge/challenge:TestMemoryIsBounded"}},
	{"digest", "a wide source is admitted by connection only, and its scanners are dropped",
		[]string{"integration/ladder:TestDigestFromAnywhereNeedsAConnection", "integration/ladder:TestScannersFromAnywhereHearNothing", "configs:TestMistakes"}},
	{"digest", "a gateway's challenge is never answered and never relayed",
		[]string{"integration/ladder:TestNeverRelayed"}},
	{"toll fraud", "only numbers of the table are carried, and by limits of trunk, number and caller",
		[]string{"integration/ladder:TestRefused", "integration/ladder:TestTrunkLimit", "integration/ladder:TestNumberLimit", "integration/ladder:TestCallerLimit", "ratelimit:TestNumbersAgreeWithTheModel"}},
	{"injection into Redis", "a key holds nothing but a prefix, a partition and a validated number",
		[]string{"routing/feed:TestNothingUnfitReachesAKeyOrARecord", "routing/e164:FuzzNumber", "ratelimit/shared:TestDoorsComeAndGo"}},
	{"injection into logs", "what comes from the wire is escaped, one line stays one line, and labels are from fixed sets",
		[]string{"sipedge/observe:FuzzLogLine", "sipedge/observe:TestLogFormats", "sipedge/records:FuzzText", "sipedge/observe:TestManySeries", "integration:TestSecretsStaySecret"}},
	{"privacy", "numbers are masked unless somebody says otherwise; credentials and Identity are never written",
		[]string{"sipedge/observe:TestMaskAgreesWithTheNumberingPlans", "sipedge/records:TestMaskHidesEveryDigitOfWhatWasDialled", "configs:TestDefaults", "integration:TestSecretsStaySecret"}},
	{"topology", "a hidden trunk sees no address of the inside", []string{"integration/ladder:TestHide", "integration/ladder:TestInsideStaysInside", "integration/ladder:TestHideFailure"}},
	{"admin API", "roles, hashed tokens, bounds on connections, bodies and rates",
		[]string{"sipedge/admin:TestWhoMayWhat", "sipedge/admin:TestTokensAreChecked", "sipedge/admin:TestConnectionsAreCapped", "sipedge/admin:TestTLS"}},
	{"TLS", "1.2 or newer, names of certificates checked both ways, certificates rotate without losing a call",
		[]string{"sipedge/transport:TestTLSNamesDecideStanding", "sipedge/transport:TestConnectOverTLS", "sipedge/gateway:TestClientTLS", "integration:TestCertificatesRotate"}},
	{"secrets", "references, never shown; token keys and passwords rotate on reload",
		[]string{"configs:TestSecretsAreNeverShown", "configs:TestKey", "integration/ladder:TestKeyRotation", "integration/ladder:TestKeyRotationMidInvite", "integration/ladder:TestDigestRefusalsAndRotation", "integration:TestSecretsStaySecret"}},
	{"rate limiting", "limits are exact while the edge lives, outlive a kill, and hold over all edges",
		[]string{"ratelimit:TestGateIsExact", "ratelimit:TestBucketNeverGivesMoreThanItsRate", "integration:TestConcurrencySurvivesAKill", "ratelimit/shared:TestThreeEdgesShareATrunk", "ratelimit/shared:TestScriptAgreesWithTheModel", "ratelimit:TestSharesInForceNeverExceedTheLimit", "ratelimit:TestLentBucketsKeepTheRate"}},
	{"rate limiting", "a lost BYE frees its place by the session timer or the longest duration",
		[]string{"integration/ladder:TestLostByeIsFoundByTheSessionTimer", "integration/ladder:TestNoSessionTimerNoHangUp", "integration/ladder:TestMaxCallDuration", "integration/ladder:TestRestartThenTooLong"}},
	{"rate limiting", "emergency call-backs of trunks trusted for them are never limited, emergency numbers never quiet",
		[]string{"integration/ladder:TestProviderPSAPCallback", "integration/ladder:TestOverload", "integration/ladder:TestProviderEmergencyNumbers", "integration/ladder:TestProviderEmergencyNumberOverTheLimit"}},
	{"overload", "measured by waits, new calls first, never what belongs to a call, and peers are told",
		[]string{"ratelimit:TestOverloadKeepsGoodput", "ratelimit:TestOverloadLeavesTheHealthyAlone", "ratelimit:TestOverloadEnds", "sipedge/transport:TestWaitsAreMeasured", "integration/ladder:TestOverload", "integration/ladder:TestOverloadControlIsOffered", "sipedge:TestFeedback", "sipedge:FuzzFeedback"}},
	{"scanners", "counted and dropped, in a table of fixed size that never bans", []string{"sipedge:TestScannersAreKnown", "ratelimit:TestOffendersOutliveAFlood", "ratelimit:TestOldOffendersAreForgotten"}},
	{"floods", "a trusted trunk loses no call beside any of them", []string{"integration/siege:TestSiege"}},
	{"slow peers", "connections are capped by source and in all, and closed in time",
		[]string{"sipedge/transport:TestTCPSlowlorisAndIdle", "sipedge/transport:TestTCPCapsAndStrangers", "sipedge/transport:TestTLSHandshakesAreBounded", "sipedge/transport:TestTCPSlowReaderIsClosedNotWaitedFor"}},
	{"slow peers", "a stranger gets no TLS handshake where no certificate could make him known",
		[]string{"sipedge/transport:TestStrangersGetNoHandshakeForNothing"}},
	{"seen by operators", "each refusal and drop has a counter, and now and then a line that says trunk, reason and source",
		[]string{"integration/ladder:TestWhatIsDroppedIsLogged", "integration/ladder:TestBrokenFloodIsAnsweredForAWhile", "sipedge/transport:TestDropsOfTheKnownAreTold", "sipedge/observe:TestFloodIsBounded"}},
	{"large messages", "nothing is allocated by a promised length; sizes, headers and parameters are bounded",
		[]string{"sipedge/transport/frame:TestMemoryFollowsBytesNotPromises", "sipedge/transport:TestUDPSizes", "sipedge/transport:TestTCPLargeMessage", "sipedge/transport/gate:TestNothingIsAllocated"}},
	{"memory", "every table has a bound and holds nothing of what is over",
		[]string{"sipedge:TestTombsAreBounded", "sipedge:TestEndings", "sipedge:TestDroppedDialogHoldsNothing", "sipedge/gateway:TestFormerAddressesAreBounded", "sipedge/records:TestJournalBoundsItsDialogs", "sipedge/observe:TestFloodIsBounded", "integration:TestSoak"}},
	{"panics", "a panic costs one call or one message", []string{"integration/ladder:TestPanicCostsOneCall", "sipedge/transport:TestPanicCostsOneMessage"}},
	{"fragments", "no datagram forbids its fragmentation", []string{"sipedge/transport:TestFragmentationIsAllowed"}},
	{"process", "as few rights as it needs", []string{"configs:TestUnitIsHardened", "configs:TestDeployFilesAreUnderstood"}},
	{"supply chain", "every dependency is pinned, none is replaced", []string{"integration:TestDependenciesArePinned"}},
}

// Every rule names tests that exist: whoever takes one away has to find another.
func TestEveryRuleHasItsTests(t *testing.T) {
	exist := map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(lab.Root(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(lab.Root(), filepath.Dir(name))
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				exist[filepath.ToSlash(dir)+":"+fn.Name.Name] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range checklist {
		if len(row.tests) == 0 {
			t.Errorf("%s: %s: no test", row.topic, row.rule)
		}
		for _, name := range row.tests {
			if !exist[name] {
				t.Errorf("%s: %s: there is no %s", row.topic, row.rule, name)
			}
		}
	}
}
