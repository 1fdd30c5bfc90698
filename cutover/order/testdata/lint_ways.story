# The way to each side, on every edge.
edge e2 legacy=0/2
edge e3 speakops=0/1 legacy=1/2
lint ->
	error no_healthy_gateway at e2~1, route legacy-main: none of 2 gateways towards legacy answers; bring a gateway back before arming
	error no_healthy_gateway at e3~1, route speakops-main: none of 1 gateways towards speakops answers; bring a gateway back before arming
	warning gateway_dark at e3~1, route legacy-main: 1 of 2 gateways towards legacy answer; look whether the others can carry everything
edge all legacy=2/2 speakops=1/1
route legacy-main target=pstn_same_tn
lint ->
	error legacy_target_unsafe at legacy-main: the plan counts on the old side after the flip, and pstn_same_tn would bring its calls back to us; give these numbers a legacy route of type direct_sip, shadow_did or rn_pinned, or plan without a way back
plan rollback=null
lint ->
	warning no_way_back at legacy-main: pstn_same_tn cannot be used from activating on: there is no rollback and no fallback; give these numbers a legacy route of type direct_sip, shadow_did or rn_pinned
	warning no_rollback_plan at rollback: nobody has said what must be seen to go back, and who decides; write rollback: { when, by, within }
plan rescue={"early_disconnect":true,"fallback_after_cut":true}
lint ->
	error legacy_target_unsafe at legacy-main: the plan counts on the old side after the flip, and pstn_same_tn would bring its calls back to us; give these numbers a legacy route of type direct_sip, shadow_did or rn_pinned, or plan without a way back
	warning no_rollback_plan at rollback: nobody has said what must be seen to go back, and who decides; write rollback: { when, by, within }
	warning no_rescue_route at legacy-main: the plan counts on a rescue that this route does not allow; allow the rescue on the route, or do not count on it
	warning no_rescue_route at speakops-main: the plan counts on a rescue that this route does not allow; allow the rescue on the route, or do not count on it
route legacy-main target=shadow_did rescue
plan rescue={"early_disconnect":true}
plan rollback={"when":"calls fail","by":"bo","within":"4h"}
lint ->
	nothing
record +12025550100 legacy_route=elsewhere
record +12025550101 legacy_route=speakops-main
edge e1 legacy=none
lint ->
	error route_missing at elsewhere: there is no such route for legacy (1: +12025550100); configure it, or correct the number records
	error route_missing at e1~1, route legacy-main: this edge has no such route for legacy; configure the route there too
	error route_missing at speakops-main: the route belongs to speakops, and records name it for legacy (1: +12025550101); correct the number records
