/* The revision protocol of a cutover, for Spin.
 *
 * What is modelled is what package cutover does: a store whose steps are atomic,
 * of which a failover leaves a zombie and brings back an older copy, or an empty
 * one; edges with a journal that read the store or an older answer of it; a
 * network that delivers an acknowledgement or a refusal at any later time, again,
 * or never; clocks that are wrong by one tick at the store and at every edge.
 * One number is asked for, everywhere, at every tick, with every reading a clock
 * may give: if any answer can be wrong, a run exists that gives it.
 *
 * Promises, by the code of the assertion:
 *   1001  an answer is the one of the revision that is, or will be, committed
 *   1002  nobody answers otherwise at the tick of another's answer
 *   1003  the chain has no fork, and nobody goes back in it
 *   1004  what somebody who takes calls knows aborted is never committed
 *   2001  with the store alive, everybody learns every outcome (LIVE)
 *
 * Rules can be broken one by one, by -D; see model_test.go for which, and for
 * the sizes. A broken rule must lead to one of the codes.
 */
#ifndef N
#define N 2			/* edges */
#endif
#ifndef REVS
#define REVS 2			/* proposals */
#endif
#ifndef GENS
#define GENS 2			/* lives of the store */
#endif
#ifndef FIRST
#define FIRST ((1<<N)-1)	/* members of the first body */
#endif
#ifndef LAST
#define LAST 5			/* the clock stops there */
#endif
#ifndef GUARD
#define GUARD 1
#endif
#ifndef LEAD
#define LEAD 1
#endif
#ifndef EVICTIONS
#define EVICTIONS 1
#endif
#define ALL ((1<<N)-1)
#define BODIES (REVS+2)		/* body 0 is no chain; body 1 the first */
#define HAS(set,x) (((set) >> (x)) & 1)
#define ONE(x) (1 << (x))

/* A body: who holds the number, bit t+1 for tick t; its predecessor, height in
 * the chain, members; and whether the timeline is dropped, so that the number's
 * record is asked instead. fun of a dropped body is what it must still mean. */
short fun[BODIES];
byte prev[BODIES], height[BODIES], mem[BODIES], used;
bool drop[BODIES];

#define T3 496			/* speakops from tick 3 */
#define T4 480			/* from tick 4 */
#define BACK 16			/* in tick 3 only */
#define STEP(m) ((m)==0 -> 99 : (((m)&16) -> 3 : 4))
#define D(x) STEP(fun[x] ^ fun[prev[x]])
#define DEADLINE(x) (D(x)-GUARD)
#define BEHIND(x) (fun[x]==0 -> 0 : (fun[x]==T3 -> 3 : (fun[x]==T4 -> 4 : 4)))
#define FINAL(x) (HAS(fun[x],8))

/* The store, by generation; and the copy a replica, or a late reader, has. */
byte sc[GENS], sp[GENS], acked[GENS], aborted[GENS], off[GENS], rep[GENS];
bool recovered[GENS];
byte gen;
byte xc, xp, xaborted, xoff, xgen;

/* The edges: what their journals hold, what they have put on the wire. */
byte ec[N], ep[N], ea[N], eg[N];
byte acks[N], refusals[N];	/* sent, by body */
bool left[N], still[N];		/* takes no calls; is stopped, or retired */
byte since[N];			/* when it left */
bool table[N];			/* its record says speakops */
bool record;			/* and the store's */

byte now = 1;
byte truth;			/* the highest committed body there is */
short legacy, speakops;		/* ticks that were answered so */
byte leavings, crashes;
hidden byte i, k, base, cand, ab;
hidden byte good, stuck;
hidden short w, v, u;

#define SERVES(e) (ec[e] && HAS(mem[ec[e]],e) && !left[e] && !still[e])

/* ---- answers ------------------------------------------------------------ */

#ifdef NOFLOOR
#define KEPT(e,b) table[e]
#else
#define KEPT(e,b) (table[e] || FINAL(b))
#endif
#ifdef EARLYDROP
#undef KEPT
#define KEPT(e,b) table[e]
#endif
#define SAYS(e,b) (drop[b] -> (KEPT(e,b) -> w : 0) : (fun[b] & w))
#ifdef NOINTERVAL
#define WINDOW(c) (2 << (c))
#else
#define WINDOW(c) (7 << (c))
#endif
#ifdef IGNOREPREPARED
#define AGREE (1)
#else
#define AGREE (u==v)
#endif
inline answer(e,c) {
	w = WINDOW(c);
	v = SAYS(e,ec[e]);
	u = (ep[e] -> SAYS(e,ep[e]) : v);
#ifdef BELIEVEPREPARED
	v = u;
#endif
	if
	:: AGREE && v==w ->
		assert(HAS(fun[truth],now+1) || 1001==0);
		assert(!HAS(legacy,now) || 1002==0);
		speakops = speakops | ONE(now)
	:: AGREE && v==0 ->
		assert(!HAS(fun[truth],now+1) || 1001==0);
		assert(!HAS(speakops,now) || 1002==0);
		legacy = legacy | ONE(now)
	:: else
	fi }
inline ask(e) {
	if
	:: SERVES(e) -> answer(e,now-1); answer(e,now); answer(e,now+1)
	:: else
	fi }
inline askall() { k=0; do :: k<N -> ask(k); k++ :: else -> break od; k=0 }

/* ---- the chain ---------------------------------------------------------- */

/* Somebody believes x committed: is it a step ahead of everything before? */
inline believed(x) {
	k=0; do :: k<N -> assert(still[k] || left[k] || !HAS(ea[k],x) || 1004==0); k++ :: else -> k=0; break od;
	if
	:: height[x] > height[truth] ->
		assert(prev[x]==truth || 1003==0);
		truth = x;
		assert(((legacy<<1) & fun[x])==0 && ((speakops<<1) & ~fun[x])==0 || 1001==0)
	:: height[x]==height[truth] -> assert(x==truth || 1003==0)
	:: else
	fi }
/* What only edges knew that are over, and by which none of them answered, need not
 * come to anything. */
inline unlearned() {
	k=0; do :: k<N && (still[k] || height[ec[k]]<height[truth]) -> k++ :: else -> break od;
	base = prev[truth];
	if
	:: k==N && base && ((legacy<<1) & fun[base])==0 && ((speakops<<1) & ~fun[base])==0 -> truth=base
	:: else
	fi;
	k=0; base=0 }
inline propose(g,f,m,d) {
	used++; fun[used]=f; mem[used]=m; drop[used]=d; prev[used]=sc[g]; height[used]=height[sc[g]]+1;
	sp[g]=used; acked[g]=0 }

#ifdef UNRECOVERED
#define WORKS(g) (1)
#else
#define WORKS(g) recovered[g]
#endif
#define CAN(g) (g<=gen && WORKS(g) && sp[g]==0 && used<REVS+1 && (sc[g] || INITS(g)))
#ifdef SELFINIT
#define INITS(g) (1)
#else
#define INITS(g) (0)
#endif
#define CHANGES(g,f) (CAN(g) && sc[g] && !drop[sc[g]] && fun[sc[g]]!=f && STEP(fun[sc[g]]^f)>=now-1+LEAD)
#define LIVE_(g) (mem[sc[g]] & ~off[g])

#ifdef MAJORITY
#define COMPLETE(g) ((mem[sp[g]] & ~off[g] & ~acked[g])==0 || (N>2 && acked[g] & (acked[g]-1)))
#else
#define COMPLETE(g) ((mem[sp[g]] & ~off[g] & ~acked[g])==0)
#endif
#ifdef NOWITNESS
#define WITNESS(g) (1)
#else
#define WITNESS(g) (sc[g]==0 || (acked[g] & mem[sc[g]]))
#endif
inline complete(g) {
	if
	:: sp[g] && COMPLETE(g) && WITNESS(g) -> sc[g]=sp[g]; sp[g]=0; acked[g]=0
	:: else
	fi }
inline abort(g) { aborted[g] = aborted[g] | ONE(sp[g]); sp[g]=0; acked[g]=0 }

#ifdef NOSTOREGUARD
#define INTIME(g) (1)
#else
#define INTIME(g) (now-1 < DEADLINE(sp[g]))
#endif
#define ACKS(g,e) (g<=gen && WORKS(g) && sp[g] && HAS(acks[e],sp[g]) && !HAS(acked[g],e) && !HAS(off[g],e) && INTIME(g))
#define REFUSES(g,e) (g<=gen && recovered[g] && sp[g] && HAS(refusals[e],sp[g]))
#if N==3
#define REFUSED(g) (REFUSES(g,0) || REFUSES(g,1) || REFUSES(g,2))
#else
#define REFUSED(g) (REFUSES(g,0) || REFUSES(g,1))
#endif

/* ---- recovery ----------------------------------------------------------- */

#define KNOWN(g,e) (HAS(rep[g],e) -> mem[ec[e]] | mem[ep[e]] : 0)
#if N==3
#define WANTED(g) ((mem[sc[g]] | KNOWN(g,0) | KNOWN(g,1) | KNOWN(g,2)) & ~off[g] & ~rep[g])
#else
#define WANTED(g) ((mem[sc[g]] | KNOWN(g,0) | KNOWN(g,1)) & ~off[g] & ~rep[g])
#endif
#ifdef QUORUM
#define ENOUGH(g) (rep[g] && (WANTED(g) & (WANTED(g)-1))==0)
#else
#define ENOUGH(g) (rep[g] && WANTED(g)==0)
#endif
/* What a joiner joins on it knows from the store, which may have lost it since. */
#define HEARD(e) (ec[e] && !HAS(mem[ec[e]],e))
/* May off member m of x have answered by x's predecessor after D? */
inline judge(g,x,m) {
	if
	:: !HAS(off[g],m) -> if :: !HAS(rep[g],m) || ep[m]!=x -> good=0 :: else fi
	:: else ->
		if
		:: HAS(rep[g],m) && (ep[m]==x || ec[m]==x)	/* it prepared, by its journal */
		:: else ->
			if
#ifndef LATEFORGIVEN
			:: now-1 < DEADLINE(x)			/* it cannot have, yet */
			:: left[m] && since[m] < D(x)		/* it stopped in time */
			:: else -> if :: HAS(rep[g],m) -> good=0 :: else ->
#ifdef GUESSABORT
				good=0
#else
				stuck=1
#endif
				fi
#else
			:: else					/* commit, whatever it did */
#endif
			fi
		fi
	fi }
inline recover(g) {
	base=sc[g]; ab=aborted[g]; cand=0; stuck=0;
	i=0; do
	:: i<N -> if
		:: HAS(rep[g],i) ->
			if :: !HEARD(i) && height[ec[i]]>height[base] -> base=ec[i] :: else fi
#ifndef FORGETFUL
			; ab = ab | ea[i]
#endif
		:: else fi; i++
	:: else -> i=0; break od;
	i=0; do
	:: i<N -> if
		:: HAS(rep[g],i) && ep[i] && prev[ep[i]]==base ->
			good=1;
			k=0; do
			:: k<N -> if :: HAS(mem[ep[i]],k) -> judge(g,ep[i],k) :: else fi; k++
			:: else -> k=0; break od;
#ifdef ALWAYSABORT
			good=0; stuck=0;
#endif
			/* a recovery may have known nothing of that abort, and committed */
			if
			:: HAS(ab,ep[i]) -> good=0
#ifdef ABORTDECIDES
				; stuck=0
#endif
			:: else
			fi;
			if :: good -> cand=ep[i] :: else fi
		:: else fi; i++
	:: else -> i=0; break od;
	if
#ifdef SELFINIT
	:: !stuck ->
#else
	:: !stuck && base && (mem[base] & rep[g] & ~off[g]) ->
#endif
		if :: cand -> base=cand :: else fi;
		i=0; do
		:: i<N -> if
			:: HAS(rep[g],i) && ep[i] && ep[i]!=base && ep[i]!=prev[base] && (height[ep[i]]>=height[base] || !HAS(mem[base],i)) -> ab = ab | ONE(ep[i])
			:: else fi; i++
		:: else -> i=0; break od;
		if :: sp[g] && sp[g]!=base && height[sp[g]]>=height[base] -> ab = ab | ONE(sp[g]) :: else fi;
		sc[g]=base; sp[g]=0; acked[g]=0; aborted[g] = ab & ~ONE(base); recovered[g]=1
	:: else
	fi;
	base=0; ab=0; cand=0; good=0; stuck=0 }

/* ---- an edge ------------------------------------------------------------ */

#ifdef NOEDGEGUARD
#define AHEAD(x) (1)
#else
#define AHEAD(x) (now-1-1 < D(x) && now < D(x))	/* latest(now) < D, by the most permissive reading */
#endif
#ifdef EARLYDROP
#define TABLEREADY(e,x) (1)
#else
#define TABLEREADY(e,x) (!drop[x] || drop[prev[x]] || (table[e]==FINAL(x) && now>=BEHIND(x)))
#endif
#ifdef ANYBASE
#define ONBASE(e,x,c) (1)
#else
#define ONBASE(e,x,c) (HAS(mem[ec[e]],e) -> prev[x]==ec[e] : prev[x]==c)
#endif
#ifdef OVERWRITE
#define FREE(e,x) (ep[e]!=x)
#else
#define FREE(e,x) (ep[e]==0)
#endif
#ifdef REPREPARE
#define NEWS(e,x) (1)
#else
#define NEWS(e,x) (!HAS(ea[e],x))
#endif
#define UP(e) (!still[e])
#define MAY(e,x,c) (UP(e) && x && HAS(mem[x],e) && FREE(e,x) && NEWS(e,x) && x!=ec[e] && ONBASE(e,x,c) && AHEAD(x) && TABLEREADY(e,x))
#ifdef OLDGENERATION
#define HEARS(e,g) (g<=eg[e])
#else
#define HEARS(e,g) (g==eg[e])
#endif
inline prepare(e,x) {
	if :: !HAS(mem[ec[e]],e) -> ec[e]=prev[x] :: else fi;	/* a joiner takes what it joins on */
	ep[e]=x;
#ifndef ACKFIRST
	acks[e] = acks[e] | ONE(x);
#endif
	ask(e) }
inline commit(e) { ec[e]=ep[e]; ep[e]=0; base=ec[e]; believed(base); base=0; ask(e) }
inline giveup(e) {
	ea[e] = ea[e] | ONE(ep[e]); ep[e]=0;
	if :: HEARD(e) -> ec[e]=0 :: else fi;
	ask(e) }

proctype edge(byte e) {
end:	do
	/* 8: prepare, durably, what the store has pending, or had */
	:: d_step { WORKS(eg[e]) && MAY(e,sp[eg[e]],sc[eg[e]]) -> prepare(e,sp[eg[e]]) }
	:: d_step { xgen==eg[e] && MAY(e,xp,xc) -> prepare(e,xp) }
#ifdef OLDGENERATION
	:: d_step { eg[e] && MAY(e,sp[0],sc[0]) -> prepare(e,sp[0]) }
	:: d_step { eg[e] && UP(e) && ep[e] && sc[0]==ep[e] -> commit(e) }
	:: d_step { eg[e] && UP(e) && ep[e] && HAS(aborted[0],ep[e]) -> giveup(e) }
#endif
#ifdef ACKFIRST
	:: d_step { WORKS(eg[e]) && MAY(e,sp[eg[e]],sc[eg[e]]) && !HAS(acks[e],sp[eg[e]]) -> acks[e] = acks[e] | ONE(sp[eg[e]]) }
#endif
	/* or refuse it; it may be prepared all the same, later */
#ifdef REFUSING
	:: d_step { UP(e) && ep[e]==0 && recovered[eg[e]] && sp[eg[e]] && HAS(mem[sp[eg[e]]],e) && !HAS(refusals[e],sp[eg[e]]) -> refusals[e] = refusals[e] | ONE(sp[eg[e]]) }
#endif
	/* 10: an outcome, by explicit evidence */
	:: d_step { UP(e) && ep[e] && WORKS(eg[e]) && sc[eg[e]]==ep[e] -> commit(e) }
	:: d_step { UP(e) && ep[e] && HEARS(e,xgen) && xc==ep[e] -> commit(e) }
	:: d_step { UP(e) && ep[e] && WORKS(eg[e]) && HAS(aborted[eg[e]],ep[e]) -> giveup(e) }
	:: d_step { UP(e) && ep[e] && HEARS(e,xgen) && HAS(xaborted,ep[e]) -> giveup(e) }
#ifdef ABSENCE
	:: d_step { UP(e) && ep[e] && xgen==eg[e] && xc!=ep[e] && xp!=ep[e] && height[xc]<=height[ec[e]] -> giveup(e) }
#endif
#ifdef DROPLATE
	:: d_step { UP(e) && ep[e] && now>=D(ep[e]) -> giveup(e) }
#endif
#ifdef VOLATILE
	:: d_step { UP(e) && ep[e] && crashes==0 -> crashes=1; ep[e]=0; ask(e) }
#endif
#ifdef NAIVE
	:: d_step { UP(e) && ep[e]==0 && sc[eg[e]] && sc[eg[e]]!=ec[e] -> ec[e]=sc[eg[e]]; base=ec[e]; believed(base); base=0; ask(e) }
#endif
	/* 11: promise a new generation, then report to it */
	:: d_step { UP(e) && gen>eg[e] -> eg[e]=gen; rep[gen] = rep[gen] | ONE(e) }
	/* a joiner that recovery did not wait for: what it has prepared is nobody's */
	:: d_step { UP(e) && ep[e] && recovered[eg[e]] && sc[eg[e]] && ep[e]!=sc[eg[e]] && ep[e]!=sp[eg[e]] && !HAS(aborted[eg[e]],ep[e]) &&
			!(height[ep[e]]<=height[sc[eg[e]]] && HAS(mem[sc[eg[e]]],e)) -> aborted[eg[e]] = aborted[eg[e]] | ONE(ep[e]) }
	/* what it reads that it is off, or that the chain went on without it, it is */
	:: d_step { UP(e) && HAS(off[eg[e]],e) -> still[e]=1 }
#ifndef REMOVELIVE
	:: d_step { UP(e) && ep[e]==0 && recovered[eg[e]] && HAS(mem[ec[e]],e) && height[sc[eg[e]]]>height[ec[e]] -> still[e]=1 }
#endif
#ifdef LEAVING
	/* 1: leaving: no calls from here on, for ever; then say so */
	:: d_step { UP(e) && !left[e] && leavings==0 -> leavings=1;
#ifndef TAKESCALLS
		left[e]=1;
#endif
		since[e]=now }
	:: d_step { UP(e) && leavings && since[e] && recovered[eg[e]] && eg[e]==gen && !HAS(off[gen],e) && (LIVE_(gen) & ~ONE(e)) ->
		off[gen] = off[gen] | ONE(e);
		if :: sp[gen] && INTIME(gen) -> complete(gen) :: else fi }
#endif
#ifdef EVICTING
	/* 5: the operator stops it, and says so, at the store of the day */
	:: d_step { !HAS(off[gen],e) && (leavings<EVICTIONS || still[e]) -> leavings = leavings + !still[e];
#ifndef NOFENCE
		still[e]=1;
		unlearned();
#endif
		off[gen] = off[gen] | ONE(e);
#ifdef LATEOFF
		if :: recovered[gen] && sp[gen] -> complete(gen) :: else fi
#else
		if :: recovered[gen] && sp[gen] && INTIME(gen) -> complete(gen) :: else fi
#endif
		}
#endif
#if defined(LEAVING) || defined(EVICTING)
	/* anybody may bring the journal of an edge that stopped */
	:: d_step { still[e] && gen && !HAS(rep[gen],e) && !recovered[gen] -> rep[gen] = rep[gen] | ONE(e) }
#endif
#ifdef SETTLING
	:: d_step { UP(e) && table[e]!=record -> table[e]=record; ask(e) }
	/* a restart with an old snapshot of the table */
	:: d_step { UP(e) && table[e] && drop[ec[e]] && crashes==0 -> crashes=1; table[e]=0; ask(e) }
#endif
	od }

/* ---- the store ---------------------------------------------------------- */

proctype store(byte g) {
end:	do
	/* 2: a change of the schedule */
	:: d_step { CHANGES(g,T3) -> propose(g,T3,mem[sc[g]],0) }
	:: d_step { CHANGES(g,T4) -> propose(g,T4,mem[sc[g]],0) }
	:: d_step { CHANGES(g,BACK) -> propose(g,BACK,mem[sc[g]],0) }
	:: d_step { CHANGES(g,0) -> propose(g,0,mem[sc[g]],0) }
#if FIRST != ALL
	:: d_step { CAN(g) && sc[g] && !HAS(mem[sc[g]],N-1) && !HAS(off[g],N-1) -> propose(g,fun[sc[g]],mem[sc[g]]|ONE(N-1),drop[sc[g]]) }
#endif
#ifdef SELFINIT
	:: d_step { CAN(g) && sc[g]==0 -> propose(g,0,ONE(N-1),0) }
#endif
#if defined(LEAVING) || defined(EVICTING)
	/* 1: members declared off are removed */
	:: d_step { CAN(g) && sc[g] && (mem[sc[g]] & off[g]) && LIVE_(g) -> propose(g,fun[sc[g]],LIVE_(g),drop[sc[g]]) }
#endif
#ifdef REMOVELIVE
	:: d_step { CAN(g) && mem[sc[g]]==ALL -> propose(g,fun[sc[g]],ALL & ~ONE(N-1),drop[sc[g]]) }
#endif
#ifdef SETTLING
	/* the record takes over, once the last step is behind; then the timeline goes */
	:: d_step { g==gen && recovered[g] && sc[g] && !drop[sc[g]] && now-1>=BEHIND(sc[g]) && record!=FINAL(sc[g]) && sp[g]==0 -> record=FINAL(sc[g]) }
	:: d_step { CAN(g) && sc[g] && !drop[sc[g]] && fun[sc[g]] && now+1>=BEHIND(sc[g])+GUARD -> propose(g,fun[sc[g]],mem[sc[g]],1) }
#endif
	/* 3: acknowledgements, the last of which commits; and refusals */
	:: d_step { ACKS(g,0) -> acked[g] = acked[g] | 1; complete(g) }
	:: d_step { ACKS(g,1) -> acked[g] = acked[g] | 2; complete(g) }
#if N==3
	:: d_step { ACKS(g,2) -> acked[g] = acked[g] | 4; complete(g) }
#endif
	:: d_step { REFUSED(g) -> abort(g) }
	/* 4: by an operator at any time, by anybody after the deadline */
#ifndef NOOPERATOR
	:: d_step { g<=gen && recovered[g] && sp[g] -> abort(g) }
#endif
#ifndef NODEADLINE
	:: d_step { g<=gen && recovered[g] && sp[g] && (now+1 >= DEADLINE(sp[g]) || D(sp[g])==99 && now==LAST) -> abort(g) }
#endif
#ifdef ABORTLATE
	:: d_step { g<=gen && recovered[g] && sc[g]>1 && !HAS(aborted[g],sc[g]) -> aborted[g] = aborted[g] | ONE(sc[g]); sc[g]=prev[sc[g]] }
#endif
	/* 7: recovery, when everybody who is wanted has reported */
	:: d_step { g<=gen && !recovered[g] && ENOUGH(g) -> recover(g) }
	od }

proctype world() {
end:	do
	:: d_step { now<LAST -> now++; askall() }
	/* the replica follows */
	:: d_step { recovered[gen] && gen+1<GENS && !(xgen==gen && xc==sc[gen] && xp==sp[gen] && xaborted==aborted[gen] && xoff==off[gen]) ->
		xgen=gen; xc=sc[gen]; xp=sp[gen]; xaborted=aborted[gen]; xoff=off[gen] }
	/* 6: and takes over; or the store comes back empty */
	:: d_step { gen+1<GENS -> gen++; sc[gen]=xc; sp[gen]=xp; aborted[gen]=xaborted; off[gen]=xoff;
#ifdef NOBARRIER
		recovered[gen]=1;
#endif
		}
#ifdef EMPTYING
	:: d_step { gen+1<GENS -> gen++;
#ifdef NOBARRIER
		recovered[gen]=1;
#endif
		}
#endif
	od }

#ifdef LIVE
/* When nothing can happen any more, nobody waits for an outcome. */
active proctype monitor() {
	timeout -> d_step {
		assert(now==LAST || 2001==0);
		i=0; do :: i<N -> assert(still[i] || ep[i]==0 || 2001==0); i++ :: else -> break od; i=0 } }
#endif

init { atomic {
	d_step {
		used=1; mem[1]=FIRST; height[1]=1; truth=1;
		i=0; do :: i<N -> if :: HAS(FIRST,i) -> ec[i]=1 :: else fi; i++ :: else -> i=0; break od;
		sc[0]=1; recovered[0]=1; xc=1;
		askall() }
	run edge(0); run edge(1);
#if N==3
	run edge(2);
#endif
	run store(0);
#if GENS>1
	run store(1);
#endif
#if GENS>2
	run store(2);
#endif
	run world() } }
