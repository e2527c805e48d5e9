//! Networks, nodes, devices, their addresses and their usage, on both databases.

use std::collections::BTreeSet;

use caspervpn::domain::id::NodeNetworkId;
use caspervpn::domain::key::PublicKey;
use caspervpn::domain::message::DeviceReport;
use caspervpn::domain::node::{InterfaceName, NodeHealth, NodeNetwork, Port};
use caspervpn::domain::page::Order;
use caspervpn::domain::usage::{Rate, Reading, Traffic};
use caspervpn::store::addresses::{Choice, Choices};
use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::devices::{self, DeviceFilter, DeviceSort};
use caspervpn::store::error::{Constraint, ErrorKind, StoreError};
use caspervpn::store::sequences::{self, DESIRED, DESIRED_FLOOR};
use caspervpn::store::{networks, node_networks, nodes, peers, usage, users};

use crate::databases::on_all;
use crate::store_fixtures::{NOW, Scene, id, later, new_network, page};

fn ipv4(device: &caspervpn::domain::device::Device) -> String {
    device.ipv4.map(|address| address.to_string()).unwrap_or_default()
}

on_all! {
    async fn a_device_comes_back_as_it_went_in(database) {
        let scene = Scene::new(database.open().await).await;

        let made = scene.device("laptop").await.unwrap();

        let store = &scene.store;
        let found = store.read(async move |conn: &mut Conn| devices::get(conn, made.id).await).await.unwrap();
        assert_eq!(found.name.as_str(), "laptop");
        assert_eq!((ipv4(&found).as_str(), found.ipv6.unwrap().to_string().as_str()), ("10.86.0.2", "fd86::2"));
        assert!(found.has_private_key && found.has_preshared_key);
        let keys = store.read(async move |conn: &mut Conn| devices::sealed_keys(conn, found.id).await).await.unwrap();
        assert_eq!((keys.preshared_key, keys.private_key), (Some(vec![1, 2, 3]), Some(vec![4, 5, 6])));
        let network = scene.network.id;
        let network = store.read(async move |conn: &mut Conn| networks::get(conn, network).await).await.unwrap();
        assert_eq!(network, scene.network);
    }

    async fn a_private_key_is_taken_once(database) {
        let scene = Scene::new(database.open().await).await;
        let device = scene.device("laptop").await.unwrap().id;
        let take = async || {
            scene.store.write(async move |tx: &mut Tx| devices::take_private_key(tx, device).await).await.unwrap()
        };

        let (left, right) = tokio::join!(take(), take());

        assert!(left.is_some() != right.is_some());
    }

    async fn sixty_four_devices_at_once_get_the_sixty_four_lowest_addresses(database) {
        let scene = std::sync::Arc::new(Scene::new(database.open().await).await);
        let makers: Vec<_> = (0..64)
            .map(|n| {
                let scene = scene.clone();
                tokio::spawn(async move { scene.device(&format!("device {n}")).await })
            })
            .collect();

        let mut addresses = BTreeSet::new();
        for maker in makers {
            addresses.insert(maker.await.unwrap().unwrap().ipv4.unwrap());
        }

        let wanted: BTreeSet<_> = (2..66).map(|n| scene.network.pools.ipv4().unwrap().address(n).unwrap()).collect();
        assert_eq!(addresses, wanted);
        assert_eq!(scene.store.read(async |conn: &mut Conn| sequences::current(conn, DESIRED).await).await.unwrap(), 64);
    }

    async fn a_pool_says_when_it_is_used_up_and_gives_purged_addresses_again(database) {
        let scene = Scene::with_pools(database.open().await, "10.86.0.0/29", "").await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(scene.device(&format!("device {n}")).await.unwrap());
        }

        let full = scene.device("one more").await.unwrap_err();
        for n in [3, 1] {
            let (device, revision) = (made[n].id, made[n].revision);
            scene.store.write(async move |tx: &mut Tx| devices::delete(tx, device, revision, NOW).await).await.unwrap();
        }
        let still = scene.device("one more").await.unwrap_err();
        let purged = scene.store.write(async |tx: &mut Tx| devices::purge(tx, later(1), 10).await).await.unwrap();
        let first = scene.device("one more").await.unwrap();
        let second = scene.device("two more").await.unwrap();

        assert_eq!((full.kind(), still.kind(), purged), (ErrorKind::Exhausted, ErrorKind::Exhausted, 2));
        assert_eq!((ipv4(&first).as_str(), ipv4(&second).as_str()), ("10.86.0.3", "10.86.0.5"));
        let network = scene.network.id;
        let taken = scene.store.read(async move |conn: &mut Conn| networks::taken(conn, network).await).await.unwrap();
        assert_eq!((taken.ipv4, taken.ipv6), (5, 0));
        let floor = scene.store.read(async |conn: &mut Conn| sequences::current(conn, DESIRED_FLOOR).await).await.unwrap();
        assert_eq!(floor, 7);
    }

    async fn a_chosen_address_is_stepped_over_and_cannot_be_chosen_twice(database) {
        let scene = Scene::new(database.open().await).await;
        let third = Choices { ipv4: Choice::Index(3), ipv6: Choice::None };

        let chosen = scene.insert(scene.new_device("chosen"), third).await.unwrap();
        let twice = scene.insert(scene.new_device("twice"), third).await.unwrap_err();
        let lowest = [scene.device("a").await.unwrap(), scene.device("b").await.unwrap()];

        assert_eq!((ipv4(&chosen).as_str(), chosen.ipv6), ("10.86.0.3", None));
        assert_eq!(twice.conflict(), Some(Constraint::DeviceIpv4));
        assert_eq!((ipv4(&lowest[0]).as_str(), ipv4(&lowest[1]).as_str()), ("10.86.0.2", "10.86.0.4"));
    }

    async fn a_name_is_taken_by_its_user_and_a_key_by_its_device(database) {
        let scene = Scene::new(database.open().await).await;
        let laptop = scene.device("laptop").await.unwrap();
        let mut same_key = scene.new_device("phone");
        same_key.public_key = laptop.public_key;
        let mut no_user = scene.new_device("tablet");
        no_user.user = caspervpn::domain::id::UserId::new(id());

        assert_eq!(scene.device("laptop").await.unwrap_err().conflict(), Some(Constraint::DeviceName));
        assert_eq!(scene.insert(same_key.clone(), Choices::default()).await.unwrap_err().conflict(), Some(Constraint::DevicePublicKey));
        assert_eq!(scene.insert(no_user, Choices::default()).await.unwrap_err().conflict(), Some(Constraint::Reference));
        scene.store.write(async move |tx: &mut Tx| devices::delete(tx, laptop.id, 1, NOW).await).await.unwrap();
        assert_eq!(scene.insert(same_key, Choices::default()).await.unwrap_err().conflict(), Some(Constraint::DevicePublicKey));
        scene.device("laptop").await.unwrap();
        let undone = scene.store.write(async move |tx: &mut Tx| devices::undelete(tx, laptop.id, NOW).await).await;
        assert_eq!(undone.unwrap_err().conflict(), Some(Constraint::DeviceName));
    }

    async fn nodes_hear_of_every_change_in_order(database) {
        let scene = Scene::new(database.open().await).await;
        let [a, b, c] = [scene.device("a").await.unwrap(), scene.device("b").await.unwrap(), scene.device("c").await.unwrap()];
        let (network, user, mut changed) = (scene.network.id, scene.user.id, a.clone());
        changed.disabled = true;
        scene.store.write(async move |tx: &mut Tx| devices::update(tx, &changed, 1, NOW).await).await.unwrap();
        scene.store.write(async move |tx: &mut Tx| devices::delete(tx, b.id, 1, NOW).await).await.unwrap();
        let since = async |sequence: i64| {
            scene
                .store
                .read(async move |conn: &mut Conn| peers::changed_since(conn, &[network], sequence, 10).await)
                .await
                .unwrap()
        };

        let all: Vec<_> = since(0).await.iter().map(|facts| (facts.changed_seq, facts.device.id)).collect();
        let last = since(4).await;
        let none = since(5).await;
        scene.store.write(async move |tx: &mut Tx| peers::touch_user(tx, user).await).await.unwrap();

        assert_eq!(all, [(3, c.id), (4, a.id), (5, b.id)]);
        assert!(last[0].device.deleted_at.is_some());
        assert!(none.is_empty());
        assert_eq!(since(5).await.len(), 3);
        let pages = scene
            .store
            .read(async move |conn: &mut Conn| {
                let first = peers::page(conn, network, None, 1).await?;
                let second = peers::page(conn, network, Some(first[0].device.id), 5).await?;
                Ok::<_, StoreError>((first[0].device.id, second.iter().map(|facts| facts.device.id).collect::<Vec<_>>()))
            })
            .await
            .unwrap();
        assert_eq!(pages, (a.id, vec![c.id]));
    }

    async fn usage_counts_growth_once_and_outlives_a_purge(database) {
        let scene = Scene::new(database.open().await).await;
        let (node, device) = (scene.node("here").await.id, scene.device("laptop").await.unwrap());
        let report = |epoch, rx| DeviceReport {
            device: device.id,
            reading: Reading { epoch, traffic: Traffic { rx_bytes: rx, tx_bytes: 2 * rx } },
            last_handshake: Some(later(7)),
            endpoint: None,
        };
        let stranger = DeviceReport { device: caspervpn::domain::id::DeviceId::new(id()), ..report(1, 5) };
        let record = async |reports: Vec<DeviceReport>| {
            scene.store.write(async move |tx: &mut Tx| usage::record(tx, node, &reports, NOW).await).await.unwrap()
        };

        let newest = async || scene.store.read(async move |conn: &mut Conn| usage::newest_epoch(conn, node).await).await.unwrap();

        assert_eq!(newest().await, 0);
        assert_eq!(record(vec![report(1, 10), stranger]).await, [(device.id, Traffic { rx_bytes: 10, tx_bytes: 20 })]);
        assert_eq!(record(vec![report(1, 10)]).await, []);
        assert_eq!(record(vec![report(1, 15)]).await.len(), 1);
        assert_eq!(record(vec![report(1, 12)]).await, []);
        assert_eq!(record(vec![report(1, 15)]).await, []);
        assert_eq!(record(vec![report(2, 3)]).await.len(), 1);
        assert_eq!(record(vec![report(1, 99)]).await, []);
        assert_eq!(record(vec![report(2, 3)]).await, []);
        assert_eq!(newest().await, 2);

        let (user, found) = (scene.user.id, device.id);
        let (used, days, facts, of_user) = scene
            .store
            .read(async move |conn: &mut Conn| {
                let used = usage::find(conn, found).await?.unwrap();
                let days = usage::daily(conn, found, 0, NOW.day()).await?;
                let facts = peers::find(conn, found).await?.unwrap();
                Ok::<_, StoreError>((used, days, facts, usage::of_user(conn, user).await?))
            })
            .await
            .unwrap();
        assert_eq!(used.traffic, Traffic { rx_bytes: 18, tx_bytes: 36 });
        assert_eq!((days.len(), days[0].traffic), (1, used.traffic));
        assert_eq!((facts.device.first_handshake_at, facts.changed_seq), (Some(later(7)), 2));
        assert_eq!((facts.traffic, facts.last_node, facts.network_config_revision), (used.traffic, Some(node), 1));
        assert_eq!((of_user, facts.around.user_used_bytes, facts.around.device_used_bytes), (54, 0, 54));
        scene.store.write(async move |tx: &mut Tx| devices::delete(tx, found, 1, NOW).await).await.unwrap();
        scene.store.write(async |tx: &mut Tx| devices::purge(tx, later(1), 10).await).await.unwrap();
        assert_eq!(scene.store.read(async move |conn: &mut Conn| usage::of_user(conn, user).await).await.unwrap(), 54);
    }

    async fn a_users_limit_sees_the_bytes_of_all_devices(database) {
        let scene = Scene::new(database.open().await).await;
        let node = scene.node("here").await.id;
        let devices = [scene.device("a").await.unwrap().id, scene.device("b").await.unwrap().id];
        let reading = Reading { epoch: 1, traffic: Traffic { rx_bytes: 4, tx_bytes: 3 } };
        let mut user = scene.user.clone();
        user.data_limit_bytes = Some(100);
        scene
            .store
            .write(async move |tx: &mut Tx| {
                let reports = devices.map(|device| DeviceReport { device, reading, last_handshake: None, endpoint: None });
                usage::record(tx, node, &reports, NOW).await?;
                users::update(tx, &user, 1, NOW).await
            })
            .await
            .unwrap();

        let facts = scene.store.read(async move |conn: &mut Conn| peers::of_devices(conn, &devices).await).await.unwrap();

        for facts in facts {
            assert_eq!((facts.around.device_used_bytes, facts.around.user_used_bytes), (7, 14));
        }
    }

    async fn a_report_is_accepted_once(database) {
        let scene = Scene::new(database.open().await).await;
        let node = scene.node("here").await.id;
        let accept = async |epoch: i64, sequence: i64| {
            scene.store.write(async move |tx: &mut Tx| usage::accept_report(tx, node, epoch, sequence).await).await.unwrap()
        };

        assert!(accept(1, 1).await);
        assert!(!accept(1, 1).await);
        assert!(accept(1, 2).await);
        assert!(accept(2, 1).await);
        assert!(!accept(1, 3).await);
    }

    async fn a_large_report_is_taken_in_whole(database) {
        let scene = Scene::new(database.open().await).await;
        let node = scene.node("here").await.id;
        let (pools, new) = (scene.network.pools, (0..450).map(|n| scene.new_device(&format!("d{n}"))).collect::<Vec<_>>());
        let reading = Reading { epoch: 1, traffic: Traffic { rx_bytes: 1, tx_bytes: 1 } };

        let grown = scene
            .store
            .write(async move |tx: &mut Tx| {
                for new in &new {
                    devices::insert(tx, new, &pools, Choices::default(), NOW).await?;
                }
                let report = |device| DeviceReport { device, reading, last_handshake: Some(NOW), endpoint: None };
                usage::record(tx, node, &new.iter().map(|new| report(new.id)).collect::<Vec<_>>(), NOW).await
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();

        assert_eq!(grown.len(), 450);
    }

    async fn a_node_has_one_interface_a_network_and_one_port_an_interface(database) {
        let scene = Scene::new(database.open().await).await;
        let node = scene.node("here").await;
        let other = new_network("other", "10.87.0.0/16", "");
        let other = scene.store.write(async move |tx: &mut Tx| networks::insert(tx, &other, NOW).await).await.unwrap();
        let add = async |network, interface: u16, port: u16| {
            let new = NodeNetwork {
                id: NodeNetworkId::new(id()),
                node: node.id,
                network,
                interface: InterfaceName::numbered(interface),
                public_key: PublicKey::new([9; 32]),
                listen_port: Port::try_from(port).unwrap(),
                endpoint_host: Some("2001:db8::1".parse().unwrap()),
                endpoint_port: None,
                revision: 1,
                created_at: NOW,
                updated_at: NOW,
            };
            scene.store.write(async move |tx: &mut Tx| node_networks::insert(tx, &new, b"sealed", NOW).await).await
        };
        let home = scene.network.id;

        let made = add(home, 0, 51820).await.unwrap();

        assert_eq!(add(home, 1, 51821).await.unwrap_err().conflict(), Some(Constraint::NodeNetwork));
        assert_eq!(add(other.id, 1, 51820).await.unwrap_err().conflict(), Some(Constraint::NodeListenPort));
        assert_eq!(add(other.id, 0, 51821).await.unwrap_err().conflict(), Some(Constraint::NodeInterface));
        let second = add(other.id, 1, 51821).await.unwrap();
        let nid = node.id;
        let found = scene.store.read(async move |conn: &mut Conn| node_networks::of_node(conn, nid).await).await.unwrap();
        assert_eq!(found, [made.clone(), second]);
        let key = scene.store.read(async move |conn: &mut Conn| node_networks::sealed_key(conn, made.id).await).await.unwrap();
        assert_eq!(key, b"sealed");
    }

    async fn what_a_node_reports_does_not_change_its_revision(database) {
        let scene = Scene::new(database.open().await).await;
        let node = scene.node("here").await;
        let nid = node.id;
        scene
            .store
            .write(async move |tx: &mut Tx| {
                let health = NodeHealth { backend: "kernel".to_owned(), problems: vec!["x".to_owned()], ..NodeHealth::default() };
                nodes::seen(tx, nid, 7, &health, Rate::default(), later(3)).await?;
                nodes::set_credential(tx, nid, Some(b"hash"), later(4)).await
            })
            .await
            .unwrap();

        let found = scene.store.read(async |conn: &mut Conn| nodes::find_by_credential(conn, b"hash").await).await.unwrap().unwrap();

        assert_eq!((found.revision, found.last_seen_at, found.applied_sequence), (2, Some(later(3)), 7));
        assert_eq!(found.health.backend, "kernel");
        assert_eq!(scene.store.read(nodes::find_local).await.unwrap().map(|node| node.id), Some(nid));
        let nobody = scene.store.write(async |tx: &mut Tx| {
            nodes::seen(tx, caspervpn::domain::id::NodeId::new(id()), 1, &NodeHealth::default(), Rate::default(), NOW).await
        }).await;
        assert_eq!(nobody.unwrap_err().kind(), ErrorKind::NotFound);
    }

    async fn devices_are_listed_by_user_network_and_words(database) {
        let scene = Scene::new(database.open().await).await;
        for name in ["Laptop Ä", "phone", "tablet"] {
            scene.device(name).await.unwrap();
        }
        let filter = DeviceFilter { user: Some(scene.user.id), network: Some(scene.network.id), ..DeviceFilter::default() };
        let mut request = page(DeviceSort::Name, Order::Asc, 10);
        request.search = Some("ä lap".parse().unwrap());

        let found = scene.store.read(async move |conn: &mut Conn| peers::list(conn, &filter, &request).await).await.unwrap();

        assert_eq!(found.items.iter().map(|facts| facts.device.name.as_str()).collect::<Vec<_>>(), ["Laptop Ä"]);
        let user = scene.user.id;
        assert_eq!(scene.store.read(async move |conn: &mut Conn| devices::count_of_user(conn, user).await).await.unwrap(), 3);
    }
}
