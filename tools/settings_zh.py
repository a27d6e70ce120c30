"""What each setting means, in Chinese, for README.zh-CN.md. A setting without an entry fails the drift check."""

from types import MappingProxyType
from typing import Final

MEANINGS: Final = MappingProxyType(
    {
        "console_env": "production 拒绝一切外人猜得到的设置，日志为 JSON",
        "database_url": "mysql://user:pass@host:3306/db 或 sqlite:///path；留空则用 DATA_DIR/console.db（SQLite）",
        "durability": "strict：数据库若可能在断电时丢失已提交的数据则拒绝启动；report：只在状态中说明",
        "data_dir": "SQLite 文件、自动生成的密钥和本地状态所在的目录",
        "jwt_secret": "签发访问令牌的密钥；留空则在 DATA_DIR 下生成一次",
        "jwt_former_secret": "上一个 JWT_SECRET：由它签发的令牌在到期前仍然有效",
        "admin_username": "启动时创建的管理员的用户名（该名称尚无账号时）；留空则由第一个注册的人担任",
        "admin_password": "该管理员的密码",
        "queue_secret": "队列服务内部接口的 Bearer 密钥；留空则在 DATA_DIR 下生成一次",
        "queue_service_url": "API 节点访问队列服务的地址；留空则为本机的 QUEUE_PORT",
        "edge_port": "入口（Caddy）的端口",
        "edge_metrics_port": "入口（Caddy）自身指标的端口，仅本机可访问；0 表示 EDGE_PORT + 1100",
        "api_host": "API 节点监听的地址",
        "api_port": "第一个 API 节点的端口；第 i 个（从 0 数）监听 API_PORT+i",
        "queue_host": "队列服务监听的地址",
        "queue_port": "队列服务的端口",
        "grpc_port": "gRPC 入口的端口；目前还没有服务监听它",
        "nodes": "`console up` 启动的 API 节点数",
        "queue_batch_size": "一批最多包含的命令数",
        "queue_flush_interval_ms": "一条命令等待成批的最长时间（毫秒）",
        "queue_flush_policy": "adaptive：写入器一空闲就成批；interval：等到批满或到时间",
        "queue_max_retries": "遇到可恢复的数据库错误时，一批最多重放的次数",
        "queue_intake_commands": "最多容纳的命令数；超过后写请求得到 503 queue_full",
        "queue_intake_bytes": "最多容纳的命令字节数",
        "redis_url": "redis://host:6379/0：让权限变更也经 Redis 到达各节点；留空则不使用",
        "task_max_retry_count": "客户端未指定 `maxAttempts` 时，一个作业最多尝试的次数；只计出错的次数",
        "db_pool_size": "每个 API 节点的数据库连接数",
        "registration": "是否允许任何人注册",
        "password_hash": "新密码哈希的 argon2id 参数：rfc9106（64 MiB、3 轮），"
        "或供小型机器使用的 owasp（19 MiB、2 轮，OWASP 建议的最低值）",
        "registrations_per_hour": "同一地址每小时可注册的账号数，超过后需要等待",
        "default_language": "请求没有指定已知语言时，消息所用的语言",
        "token_ttl_s": "访问令牌的有效期（秒）",
        "refresh_ttl_s": "一次登录的最长有效期（秒），无论刷新多少次",
        "trusted_proxies": "节点信任其 X-Forwarded-For 的网段（入口所在处），用逗号分隔",
        "cors_origins": "允许其页面调用 API 的其他站点来源，用逗号分隔；留空则不允许",
        "log_level": "写入日志的最低级别",
        "log_dir": "除标准输出外，轮转日志文件所在的目录；留空则不写文件",
    }
)
