//! What letters say in Chinese, in simplified characters.

use crate::notify::words::{Part, Words};

pub(in crate::notify) const WORDS: Words = Words {
    greeting: "{name}，您好：",
    greeting_nobody: "您好：",
    footer: "本邮件由 CasperVPN 自动发送，请勿回复。",
    unknown_address: "未知地址",
    password_reset: Part {
        subject: "设置新密码",
        paragraphs: [
            "有人为您的 VPN 账户申请了新密码。请在此设置：",
            "此链接仅可使用一次，{minutes} 分钟内有效。如果不是您本人操作，无需理会，您的密码不会改变。",
        ],
    },
    invite: Part {
        subject: "VPN 邀请",
        paragraphs: [
            "邀请您创建 VPN 账户。请在此选择登录名和密码：",
            "此链接仅可使用一次，{days} 天内有效。如果您并未期待此邀请，无需理会。",
        ],
    },
    sign_in_locked: Part {
        subject: "您的账户已被暂时锁定登录",
        paragraphs: [
            "您的 VPN 账户输错密码次数过多，此后每次尝试最多需等待一分钟。最后一次尝试来自 {address}。",
            "如果是您本人操作，请稍后再试。如果不是，您的密码并未被猜中；如有疑虑，请换用更长的密码。",
        ],
    },
    second_factor_locked: Part {
        subject: "有人知道您的密码",
        paragraphs: [
            "有人在您的 VPN 账户输入正确密码后，反复输错第二重验证，此后每次尝试最多需等待一小时。最后一次尝试来自 {address}。",
            "如果不是您本人操作，说明有人知道您的密码：请立即修改密码，并通知 VPN 的管理员。",
        ],
    },
    factor_added: Part {
        subject: "已添加第二验证因素",
        paragraphs: [
            "您的 VPN 账户于 {at} 添加了一个用于登录的第二验证因素。",
            "如果不是您本人操作，请立即通知 VPN 的管理员。",
        ],
    },
    factor_removed: Part {
        subject: "已移除第二验证因素",
        paragraphs: [
            "您的 VPN 账户于 {at} 移除了一个用于登录的第二验证因素。",
            "如果不是您本人操作，请立即通知 VPN 的管理员。",
        ],
    },
    test: Part {
        subject: "测试邮件",
        paragraphs: ["这是一封测试邮件：邮件功能正常。", "有关密码和邀请的邮件将以同样方式送达。"],
    },
};
