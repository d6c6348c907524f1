// Servers: where an account's requests go, whether a server is there, and what happens when our own address changes.
//
// Which server it is, and where its name leads, is decided above this border: pjlib is given a route and an address.
#include "phone.hpp"

#include <cctype>

using namespace linedesk;

namespace {

std::atomic<Phone *> phone_of_table{nullptr};

std::string lower(std::string text) {
    for (char &c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

bool address_of(const char *text, uint16_t port, pj_sockaddr *to) {
    pj_str_t s = pj_str(const_cast<char *>(text));
    if (pj_sockaddr_parse(pj_AF_UNSPEC(), 0, &s, to) != PJ_SUCCESS) return false;
    pj_sockaddr_set_port(to, port);
    return true;
}

pjsip_transport_type_e type_of(int32_t kind, const pj_sockaddr &at) {
    int type = kind == LD_TLS ? PJSIP_TRANSPORT_TLS : kind == LD_TCP ? PJSIP_TRANSPORT_TCP : PJSIP_TRANSPORT_UDP;
    if (at.addr.sa_family == pj_AF_INET6()) type |= PJSIP_TRANSPORT_IPV6;
    return static_cast<pjsip_transport_type_e>(type);
}

// Stands in for pjlib's resolver: addresses as they are, names from the table, and other names (a Contact, a REFER) by the
// system, as pjlib does without a resolver.
void resolve(pjsip_resolver_t *, pj_pool_t *, const pjsip_host_info *target, void *token, pjsip_resolver_callback *cb) {
    pjsip_server_addresses found;
    pj_bzero(&found, sizeof found);
    int type = target->type & ~PJSIP_TRANSPORT_IPV6;
    if (type == PJSIP_TRANSPORT_UNSPECIFIED)
        type = target->flag & PJSIP_TRANSPORT_SECURE     ? PJSIP_TRANSPORT_TLS
               : target->flag & PJSIP_TRANSPORT_RELIABLE ? PJSIP_TRANSPORT_TCP
                                                         : PJSIP_TRANSPORT_UDP;
    const int usual = pjsip_transport_get_default_port_for_type(static_cast<pjsip_transport_type_e>(type));
    auto add = [&](const pj_sockaddr &at) {
        auto &entry = found.entry[found.count++];
        entry.name = target->addr.host;
        entry.type = static_cast<pjsip_transport_type_e>(type | (at.addr.sa_family == pj_AF_INET6() ? PJSIP_TRANSPORT_IPV6 : 0));
        pj_sockaddr_cp(&entry.addr, &at);
        if (pj_sockaddr_get_port(&at) == 0)
            pj_sockaddr_set_port(&entry.addr, static_cast<pj_uint16_t>(target->addr.port ? target->addr.port : usual));
        entry.addr_len = static_cast<int>(pj_sockaddr_get_len(&entry.addr));
    };
    pj_sockaddr at;
    if (pj_sockaddr_parse(pj_AF_UNSPEC(), 0, &target->addr.host, &at) == PJ_SUCCESS && pj_sockaddr_has_addr(&at)) {
        pj_sockaddr_set_port(&at, 0);
        add(at);
    } else {
        quietly([&] {
            Phone *phone = phone_of_table.load();
            if (!phone) return;
            std::lock_guard<std::mutex> lock(phone->mutex);
            auto place = phone->places.find({lower(of(target->addr.host)), target->addr.port});
            if (place != phone->places.end()) add(place->second);
        });
        if (found.count == 0) {
            pj_addrinfo infos[PJSIP_MAX_RESOLVED_ADDRESSES];
            unsigned count = PJSIP_MAX_RESOLVED_ADDRESSES;
            const int family = target->type & PJSIP_TRANSPORT_IPV6 ? pj_AF_INET6() : pj_AF_UNSPEC();
            if (pj_getaddrinfo(family, &target->addr.host, &count, infos) == PJ_SUCCESS)
                for (unsigned i = 0; i < count; i++) {
                    pj_sockaddr_set_port(&infos[i].ai_addr, 0);
                    add(infos[i].ai_addr);
                }
        }
    }
    // PJ_ERESOLVE becomes a status 502 of the transaction.
    (*cb)(found.count ? PJ_SUCCESS : PJ_ERESOLVE, token, &found);
}

pjsip_ext_resolver by_table = {&resolve};

void asked(void *token, pjsip_event *event) {
    quietly([&] {
        Phone *phone = phone_of_table.load();
        if (!phone || event->type != PJSIP_EVENT_TSX_STATE) return;
        ld_event e{};
        e.kind = LD_EVENT_ASKED;
        e.call = reinterpret_cast<uintptr_t>(token);
        e.code = event->body.tsx_state.tsx->status_code;
        phone->post(e);
    });
}

void use_stun(Phone &phone, bool on) {
    phone.stun_lives = on;
    std::lock_guard<std::mutex> lock(phone.mutex);
    for (auto &account : phone.accounts)
        if (account.second->stun) pjsua_var.acc[account.first].cfg.media_stun_use = on ? PJSUA_STUN_USE_DEFAULT : PJSUA_STUN_USE_DISABLED;
}

// The dialog of a call, locked; none when the call has ended in this moment.
class Dialog {
public:
    explicit Dialog(const pjsua_call &call) {
        PJSUA_LOCK();
        invite_ = call.inv;
        if (invite_ && pjsip_dlg_try_inc_lock(invite_->dlg) == PJ_SUCCESS) dialog_ = invite_->dlg;
        PJSUA_UNLOCK();
    }
    ~Dialog() {
        if (dialog_) pjsip_dlg_dec_lock(dialog_);
    }
    Dialog(const Dialog &) = delete;
    Dialog &operator=(const Dialog &) = delete;
    explicit operator bool() const { return dialog_ != nullptr; }
    pjsip_dialog *operator->() const { return dialog_; }
    pjsip_dialog *get() const { return dialog_; }
    pjsip_inv_session *invite() const { return invite_; }

private:
    pjsip_inv_session *invite_ = nullptr;
    pjsip_dialog *dialog_ = nullptr;
};

// A STUN server has answered, or none has. pjlib asks them when media is made, and waits for ten seconds for one that is silent,
// with whoever dials: so accounts use STUN only once it is known to answer.
void stun_answered(const pj_stun_resolve_result *result) {
    quietly([&] {
        if (Phone *phone = phone_of_table.load()) use_stun(*phone, result->status == PJ_SUCCESS);
    });
}

// The route as pjsip wants it in a request.
pjsip_route_hdr *parsed(pj_pool_t *pool, const std::string &uri) {
    const std::string text = "<" + uri + ">";
    const pj_str_t name = {const_cast<char *>("Route"), 5};
    auto *copy = static_cast<char *>(pj_pool_alloc(pool, text.size() + 1));
    memcpy(copy, text.c_str(), text.size() + 1);
    void *hdr = pjsip_parse_hdr(pool, &name, copy, text.size(), nullptr);
    if (!hdr) throw Error(PJSIP_EINVALIDURI, "route", text, __FILE__, __LINE__);
    return static_cast<pjsip_route_hdr *>(hdr);
}

} // namespace

namespace linedesk {

PhoneAccount::~PhoneAccount() {
    if (!pool_) return;
    // pjsua still lists the routes until the account is gone.
    shutdown();
    pj_pool_release(pool_);
}

pjsip_route_hdr *PhoneAccount::route(const std::string &text) {
    auto known = routes_.find(text);
    if (known != routes_.end()) return known->second;
    if (!pool_) pool_ = pjsua_pool_create("routes", 512, 512);
    return routes_[text] = parsed(pool_, text);
}

void Phone::resolve_by_table() {
    phone_of_table = this;
    pj_status_t status = pjsip_endpt_set_ext_resolver(pjsua_get_pjsip_endpt(), &by_table);
    if (status != PJ_SUCCESS) throw Error(status, "set resolver", describe(status), __FILE__, __LINE__);
}

void Phone::end_table() { phone_of_table = nullptr; }

} // namespace linedesk

extern "C" {

bool ld_stun_servers(ld_phone *phone, const char *const *servers, uint32_t count, ld_error *error) {
    return guarded(error, [&] {
        pj_str_t list[8];
        const unsigned most = PJ_ARRAY_SIZE(pjsua_var.ua_cfg.stun_srv) < 8 ? PJ_ARRAY_SIZE(pjsua_var.ua_cfg.stun_srv) : 8;
        const unsigned n = count < most ? count : most;
        for (unsigned i = 0; i < n; i++) list[i] = pj_str(const_cast<char *>(servers[i]));
        pjsua_var.ua_cfg.cb.on_stun_resolution_complete = &stun_answered;
        if (n == 0) use_stun(self(phone), false);
        return n == 0 || ok(pjsua_update_stun_servers(n, list, PJ_FALSE), error);
    });
}

bool ld_account_go(ld_phone *phone, int32_t id, const ld_hop *hop, uint64_t *number, ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        PhoneAccount *a = p.account(id, error);
        if (!a) return false;
        pj_sockaddr at;
        if (!address_of(hop->address, hop->at_port, &at)) {
            fail(error, PJ_EINVAL, "not an address");
            return false;
        }
        const bool ipv6 = at.addr.sa_family == pj_AF_INET6();
        const TransportId transport = p.transport(a->kind, a->ca, ipv6);
        pjsip_route_hdr *first = a->route(hop->route);
        pjsip_route_hdr *second = *hop->behind ? a->route(hop->behind) : nullptr;
        {
            std::lock_guard<std::mutex> lock(p.mutex);
            p.places[{lower(hop->name), hop->port}] = at;
        }
        PJSUA_LOCK();
        pjsua_acc &acc = pjsua_var.acc[id];
        // A registration knows its route from its beginning; a new one is made by the next REGISTER. pjlib keeps the old one
        // until its transaction is over, and tells nobody.
        if (acc.regc) pjsip_regc_destroy2(acc.regc, PJ_TRUE);
        acc.regc = nullptr;
        *number = ++a->registration;
        acc.contact.slen = 0;
        acc.reg_contact.slen = 0;
        acc.reg_mapped_addr.slen = 0;
        acc.contact_rewritten = PJ_FALSE;
        acc.via_addr.host.slen = 0;
        acc.rfc5626_status = 0;
        acc.rfc5626_flowtmr = 0;
        pj_list_init(&acc.route_set);
        acc.cfg.proxy_cnt = 0;
        for (pjsip_route_hdr *route : {first, second}) {
            // Twice the same is once: a proxy may be the server itself, and a header stands in one place.
            if (!route || (first == second && acc.cfg.proxy_cnt > 0)) continue;
            // Taken out of the list of the hop before; the lists of calls and registrations are copies.
            pj_list_init(route);
            pj_list_push_back(&acc.route_set, route);
            acc.cfg.proxy[acc.cfg.proxy_cnt++] = acc.cfg.reg_uri;
        }
        acc.cfg.ipv6_sip_use = ipv6 ? PJSUA_IPV6_ENABLED_USE_IPV6_ONLY : PJSUA_IPV6_DISABLED;
        acc.cfg.ipv6_media_use = ipv6 ? PJSUA_IPV6_ENABLED_USE_IPV6_ONLY : PJSUA_IPV6_DISABLED;
        pj_status_t status = pjsua_acc_set_transport(id, transport);
        PJSUA_UNLOCK();
        return ok(status, error);
    });
}

bool ld_ask(ld_phone *phone, int32_t account, const ld_hop *hop, uint64_t number, ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        PhoneAccount *a = p.account(account, error);
        if (!a) return false;
        pj_sockaddr at;
        if (!address_of(hop->address, hop->at_port, &at)) {
            fail(error, PJ_EINVAL, "not an address");
            return false;
        }
        const TransportId transport = p.transport(a->kind, a->ca, at.addr.sa_family == pj_AF_INET6());
        std::string behind = *hop->behind ? hop->behind : hop->route;
        // lr belongs into a Route, not into a request's own URI.
        const std::string target = behind.substr(0, behind.find(";lr"));
        pj_str_t uri = pj_str(const_cast<char *>(target.c_str()));
        const pj_str_t from = pjsua_var.acc[account].cfg.id;
        const pjsip_method method = *pjsip_get_options_method();
        pjsip_tx_data *tdata = nullptr;
        if (!ok(pjsip_endpt_create_request(pjsua_get_pjsip_endpt(), &method, &uri, &from, &uri, nullptr, nullptr, -1, nullptr, &tdata), error))
            return false;
        try {
            pjsip_msg_add_hdr(tdata->msg, reinterpret_cast<pjsip_hdr *>(parsed(tdata->pool, hop->route)));
            if (*hop->behind) pjsip_msg_add_hdr(tdata->msg, reinterpret_cast<pjsip_hdr *>(parsed(tdata->pool, hop->behind)));
        } catch (...) {
            pjsip_tx_data_dec_ref(tdata);
            throw;
        }
        pjsip_tpselector selector{};
        const auto &data = pjsua_var.tpdata[transport];
        if (a->kind == LD_UDP) {
            selector.type = PJSIP_TPSELECTOR_TRANSPORT;
            selector.u.transport = data.data.tp;
        } else {
            selector.type = PJSIP_TPSELECTOR_LISTENER;
            selector.u.listener = data.data.factory;
        }
        pjsip_tx_data_set_transport(tdata, &selector);
        // The address is known; with it in place pjsip looks nothing up.
        pj_strdup2(tdata->pool, &tdata->dest_info.name, hop->name);
        auto &addresses = tdata->dest_info.addr;
        addresses.count = 1;
        addresses.entry[0].name = tdata->dest_info.name;
        addresses.entry[0].type = type_of(a->kind, at);
        addresses.entry[0].addr = at;
        addresses.entry[0].addr_len = static_cast<int>(pj_sockaddr_get_len(&at));
        return ok(pjsip_endpt_send_request(pjsua_get_pjsip_endpt(), tdata, -1, reinterpret_cast<void *>(static_cast<uintptr_t>(number)), &asked), error);
    });
}

void ld_dscp(ld_phone *phone, uint8_t sip, uint8_t rtp) {
    self(phone).sip_dscp = sip;
    self(phone).rtp_dscp = rtp;
}

void ld_moved(ld_phone *phone) {
    quietly([&] {
        // Connections have our old address at their near end: nothing comes through them any more, and pjlib would find that
        // out in minutes.
        pjsip_tpmgr_shutdown_param how;
        pjsip_tpmgr_shutdown_param_default(&how);
        how.force = PJ_TRUE;
        how.include_udp = PJ_FALSE;
        PJSUA_LOCK();
        pjsip_tpmgr_shutdown_all(pjsip_endpt_get_tpmgr(pjsua_get_pjsip_endpt()), &how);
        PJSUA_UNLOCK();
    });
    (void)phone;
}

bool ld_call_moved(ld_phone *phone, uint64_t call, ld_error *error) {
    return with_call(phone, call, error, [](PhoneCall &c, ld_error *error) {
        pjsua_call &native = pjsua_var.calls[c.getId()];
        {
            const Dialog dialog(native);
            if (!dialog) return fail(error, PJSIP_ESESSIONTERMINATED, "the call is over"), false;
            if (dialog.invite()->state != PJSIP_INV_STATE_CONFIRMED) {
                // Nothing can be sent before the answer, but the answer's Contact says where the ACK goes to.
                pj_str_t text;
                const pj_str_t name = {const_cast<char *>("Contact"), 7};
                pj_status_t status = pjsua_acc_create_uac_contact(dialog->pool, &text, native.acc_id, &pjsua_var.acc[native.acc_id].cfg.reg_uri);
                void *contact = nullptr;
                if (status == PJ_SUCCESS)
                    contact = pjsip_parse_hdr(dialog->pool, &name, text.ptr, static_cast<pj_size_t>(text.slen), nullptr);
                if (contact) dialog->local.contact = static_cast<pjsip_contact_hdr *>(contact);
                return ok(status, error);
            }
            // pjsua would take the stream down before it finds that nothing can be sent.
            if (dialog.invite()->invite_tsx) return fail(error, PJ_EBUSY, "another re-INVITE is under way"), false;
            // The account may have gone to another transport since the call began (IPv4 to IPv6, or a new listener).
            pjsip_tpselector selector;
            pjsua_init_tpselector(native.acc_id, &selector);
            pjsip_dlg_set_transport(dialog.get(), &selector);
        }
        // Without a word about the hold: a call on hold stays on hold.
        CallOpParam op = audio_only();
        op.opt.flag |= PJSUA_CALL_REINIT_MEDIA | PJSUA_CALL_UPDATE_CONTACT | PJSUA_CALL_UPDATE_VIA;
        c.reinvite(op);
        return true;
    });
}

} // extern "C"
